"""Asks the API of a Kubernetes cluster about Jobs: makes, reads and deletes them.

Each is named by its caller, so every request may be sent again. No proxy is used, no redirect is followed,
and TLS is verified with the authority of the cluster.
"""

import json
import ssl
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import urllib3
from urllib3.exceptions import HTTPError, ProtocolError, SSLError

from engine.client.server import ServerError
from engine.core.errors import ErrorCode, WrongUsageError
from jobfile import __version__
from jobfile.diagnostics.escapes import message, printable

CONNECT_SECONDS: Final = 3.0
ANSWER_SECONDS: Final = 8.0
"""How long the API may be silent."""
MAX_ANSWER_BYTES: Final = 1024 * 1024
MAX_WORDS: Final = 300
"""Maximum number of characters that a message has of the API's own words."""
MAX_TOKEN_BYTES: Final = 64 * 1024
TRIES: Final = 2
"""How often a request is sent if its connection breaks: an API server closes idle connections."""
_GOOD: Final = (HTTPStatus.OK, HTTPStatus.CREATED, HTTPStatus.ACCEPTED)


class AwayError(ServerError):
    """The API did not answer, or cannot answer now."""

    def __init__(self, short: str) -> None:
        """`short` is the message for a row of a table."""
        super().__init__(f"{short}; it is retried", code=ErrorCode.SERVER_UNAVAILABLE)
        self.short = short


class RefusedError(ServerError):
    """The API refused a request."""

    def __init__(self, message: str, *, short: str, status: int = 0) -> None:
        """`short` is the message for a row of a table; `status` is that of the answer, 0 without one."""
        super().__init__(message, code=ErrorCode.SERVER_REFUSED)
        self.short = short
        self.is_of_one = status in (HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY)
        """Whether it is about this Job; otherwise every Job would be refused."""


class Jobs:
    """The Jobs of one namespace. One thread uses it at a time."""

    def __init__(self, address: str, *, account: Path, namespace: str) -> None:
        """`account` is the folder of a service account: `token`, which is read again each time, and `ca.crt`.

        Raises WrongUsageError for an address that is not `https://HOST:PORT`.
        """
        found = urlsplit(address)
        if found.scheme != "https" or not found.hostname or found.path not in ("", "/"):
            raise WrongUsageError(
                f"the address of the API of Kubernetes is `{printable(address)}`; expected https://HOST:PORT"
            )
        self.namespace = namespace
        self._account = account
        self._host, self._port = found.hostname, found.port or 443
        self._pool: urllib3.HTTPSConnectionPool | None = None

    def create(self, manifest: Mapping[str, object]) -> bool:
        """Make a Job; False when there is one of its name. Raises ServerError."""
        status, _ = self._ask("POST", "", body=manifest, known=(HTTPStatus.CONFLICT,))
        return status != HTTPStatus.CONFLICT

    def read(self, name: str) -> Mapping[str, Any] | None:
        """A Job; None when no Job has this name. Raises ServerError."""
        status, found = self._ask("GET", f"/{name}", known=(HTTPStatus.NOT_FOUND,))
        return None if status == HTTPStatus.NOT_FOUND else found

    def delete(self, name: str) -> None:
        """Delete a Job with its pods, if there is one of this name. Raises ServerError."""
        known = (HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT)
        self._ask("DELETE", f"/{name}", body={"propagationPolicy": "Background"}, known=known)

    def close(self) -> None:
        """Close the connections; the next request opens one again."""
        if self._pool is not None:
            self._pool.close()
            self._pool = None

    def _ask(
        self, method: str, path: str, *, body: Mapping[str, object] | None = None, known: tuple[int, ...] = ()
    ) -> tuple[int, Mapping[str, Any]]:
        for left in reversed(range(TRIES)):
            try:
                status, plain = self._sent(method, path, body)
            except ProtocolError as error:
                if not left:
                    raise self._away(error) from error
            except HTTPError as error:
                raise self._away(error) from error
            else:
                break
        if status not in (*_GOOD, *known):
            raise self._refusal(status, plain)
        return status, plain

    def _sent(
        self, method: str, path: str, body: Mapping[str, object] | None
    ) -> tuple[int, Mapping[str, Any]]:
        headers = {
            "Authorization": f"Bearer {self._token()}",
            "Accept": "application/json",
            "User-Agent": f"jobfile/{__version__}",
        }
        if body is not None:
            headers["Content-Type"] = "application/json"
        response = self._opened().urlopen(
            method,
            f"/apis/batch/v1/namespaces/{self.namespace}/jobs{path}",
            body=None if body is None else json.dumps(body, allow_nan=False).encode(),
            headers=headers,
            redirect=False,
            retries=False,
            timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=ANSWER_SECONDS),
            preload_content=False,
        )
        try:
            said = response.read(MAX_ANSWER_BYTES)
        finally:
            response.close()
        try:
            plain = json.loads(said)
        except ValueError:
            plain = {}
        return response.status, plain if isinstance(plain, dict) else {}

    def _token(self) -> str:
        """The token now: the cluster replaces it from time to time."""
        try:
            with (self._account / "token").open("rb") as file:
                return file.read(MAX_TOKEN_BYTES).decode("ascii").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise self._no_account("token", error) from error

    def _opened(self) -> urllib3.HTTPSConnectionPool:
        if self._pool is None:
            try:
                context = ssl.create_default_context(cafile=str(self._account / "ca.crt"))
            except OSError as error:
                raise self._no_account("ca.crt", error) from error
            host = f"[{self._host}]" if ":" in self._host else self._host
            self._pool = urllib3.HTTPSConnectionPool(host, self._port, ssl_context=context)
        return self._pool

    def _no_account(self, name: str, error: Exception) -> ServerError:
        why = (
            error.strerror if isinstance(error, OSError) and error.strerror else "it is not what is expected"
        )
        return RefusedError(
            f"{self._account / name} of the service account cannot be read ({why}); is this a pod, with "
            "automountServiceAccountToken?",
            short="the service account of Kubernetes cannot be read",
        )

    def _away(self, error: HTTPError) -> ServerError:
        if not isinstance(error, SSLError):
            return AwayError("the API of Kubernetes does not answer")
        inner = error.args[0] if error.args else None
        why = inner.verify_message if isinstance(inner, ssl.SSLCertVerificationError) else "no TLS"
        return AwayError(f"the API of Kubernetes is not the one of the service account ({why})")

    def _refusal(self, status: int, plain: Mapping[str, Any]) -> ServerError:
        """Why a request was refused, in the words of the API, and what to do."""
        words = " ".join(message(str(plain.get("message") or "")).split())[:MAX_WORDS]
        said = f"Kubernetes answers {status}{f': {words}' if words else ''}"
        if status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return AwayError(f"Kubernetes answers {status}")
        help_ = ""
        if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN) and "quota" not in words:
            help_ = (
                "; the service account needs the right to create, get and delete Jobs in the namespace "
                f"{self.namespace}, as in  jobfile export kubernetes"
            )
        elif status == HTTPStatus.NOT_FOUND:
            help_ = f"; does the namespace {self.namespace} exist?"
        short = f"Kubernetes refuses Jobs ({status}), see the log of the scheduler"
        return RefusedError(f"{said}{help_}", short=short, status=status)
