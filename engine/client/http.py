"""Asks a server over HTTP. A request is sent again only where that is safe.

No proxy is used, no redirect is followed, and TLS is verified with the authorities of this machine;
SSL_CERT_FILE names others.
"""

import json
import os
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlencode

import urllib3
from urllib3.connection import HTTPConnection
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    NameResolutionError,
    NewConnectionError,
    ReadTimeoutError,
    SSLError,
)
from urllib3.response import BaseHTTPResponse

from engine.client.server import TOKEN, TOKEN_FILE, Address, ServerError, refuse_open_token
from engine.core.errors import ErrorCode
from jobfile import __version__
from jobfile.diagnostics.escapes import message
from jobfile.model.namedtuple import NamedTuple

PREFIX: Final = "/api/v1"
CONNECT_SECONDS: Final = 10.0
ANSWER_SECONDS: Final = 60.0
"""How long a server may be silent, besides the time that it was asked to wait."""
MAX_ANSWER_BYTES: Final = 256 * 1024 * 1024
PART_BYTES: Final = 64 * 1024
MAX_PAUSE_SECONDS: Final = 60.0
FIRST_PAUSE_SECONDS: Final = 0.2
UNKNOWN_ISSUER: Final = (18, 19, 20, 21)
"""OpenSSL's codes for a certificate that no known authority has signed."""
_AGAIN: Final = (HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT)
_CODES: Final = {one.value: one for one in ErrorCode}


class Answer(NamedTuple):
    """What a server answered."""

    status: int
    headers: Mapping[str, str]
    """Names in small letters."""
    body: bytes

    @property
    def json(self) -> Any:  # noqa: ANN401  JSON data
        """The body as data."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None


class Connection:
    """Connections to one server. Threads may share it, and it may be made before a fork."""

    def __init__(
        self,
        address: Address,
        *,
        token: str,
        wait_seconds: float,
        on_answer: Callable[[Answer], None] = lambda _: None,
    ) -> None:
        """Connect to nothing yet. A request is repeated for at most `wait_seconds`, where that is safe.

        `on_answer` gets each answer, also one that refuses.
        """
        self._on_answer = on_answer
        refuse_open_token(address, token)
        self.address = address
        self._has_token = bool(token)
        self._wait_seconds = wait_seconds
        self._headers = {"Host": _host(address), "User-Agent": f"jobfile/{__version__}"}
        if token:
            self._headers["Authorization"] = f"Bearer {token}"
        self._lock = threading.Lock()
        self._pool: urllib3.HTTPConnectionPool | None = None
        self._pool_of = 0

    def close(self) -> None:
        """Close the connections; the next request opens one again."""
        with self._lock:
            pool, self._pool = self._pool, None
        if pool is not None and self._pool_of == os.getpid():
            pool.close()

    def ask(
        self,
        method: str,
        path: str,
        *,
        query: Sequence[tuple[str, str]] = (),
        body: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
        is_safe: bool | None = None,
        silent_seconds: float = ANSWER_SECONDS,
        known: Sequence[int] = (),
    ) -> Answer:
        """The answer to a request. Raises ServerError without one, or if its status is not good or `known`.

        `is_safe` says whether the request may arrive twice; one that only reads may.
        """
        until = time.monotonic() + self._wait_seconds
        pause = FIRST_PAUSE_SECONDS
        may_repeat = method == "GET" if is_safe is None else is_safe
        while True:
            wait: float | None = 0.0
            try:
                with self._sent(
                    method, path, query, body=body, headers=headers, seconds=silent_seconds
                ) as response:
                    answer = _read(response)
            except HTTPError as error:
                never_arrived = isinstance(error, NewConnectionError | ConnectTimeoutError)
                is_lasting = isinstance(error, SSLError | NameResolutionError)
                if is_lasting or not (may_repeat or never_arrived) or time.monotonic() + pause > until:
                    raise self._unreachable(error) from error
            else:
                wait = _asked_to_wait(answer, may_repeat=may_repeat)
                if wait is None or time.monotonic() + max(wait, pause) > until:
                    return self._checked(answer, known)
            threading.Event().wait(max(wait or 0.0, pause))
            pause *= 2

    @contextmanager
    def stream(self, path: str, query: Sequence[tuple[str, str]] = ()) -> Iterator[Iterator[bytes]]:
        """A download, in parts, within a `with` block."""
        try:
            with self._sent("GET", path, query, seconds=ANSWER_SECONDS) as response:
                if response.status != HTTPStatus.OK:
                    self._checked(_read(response), ())
                yield response.stream(PART_BYTES, decode_content=False)
        except HTTPError as error:
            raise self._unreachable(error) from error

    @contextmanager
    def _sent(
        self,
        method: str,
        path: str,
        query: Sequence[tuple[str, str]],
        *,
        seconds: float,
        body: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Iterator[BaseHTTPResponse]:
        given = {**self._headers, **(headers or {})}
        if body is not None:
            given["Content-Type"] = "application/json"
        response = self._open().urlopen(
            method,
            f"{PREFIX}{path}{f'?{urlencode(query)}' if query else ''}",
            body=None if body is None else json.dumps(body, allow_nan=False).encode(),
            headers=given,
            redirect=False,
            retries=False,
            assert_same_host=False,
            timeout=urllib3.Timeout(connect=min(CONNECT_SECONDS, seconds), read=seconds),
            preload_content=False,
            decode_content=False,
        )
        try:
            yield response
        finally:
            response.close()  # one that was read to its end has given its connection back already

    def _open(self) -> urllib3.HTTPConnectionPool:
        """The pool of this process: a connection in two processes would mix their answers."""
        with self._lock:
            if self._pool is None or self._pool_of != os.getpid():
                self._pool, self._pool_of = _pool_of(self.address), os.getpid()
            return self._pool

    def _checked(self, answer: Answer, known: Sequence[int]) -> Answer:
        self._on_answer(answer)
        is_good = answer.status in (HTTPStatus.OK, HTTPStatus.ACCEPTED, HTTPStatus.PARTIAL_CONTENT)
        if is_good and "jobfile-exit-code" not in answer.headers and "content-range" not in answer.headers:
            raise self._error("it answers, but not as a server of jobfile does; look at the address")
        if is_good or answer.status in known:
            return answer
        raise self._refusal(answer)

    def _refusal(self, answer: Answer) -> ServerError:
        """Why a server gave no answer, in its own words, and what to do."""
        plain = answer.json
        is_problem = answer.headers.get("content-type") == "application/problem+json"
        if not is_problem or not isinstance(plain, dict):
            return self._error(
                f"it answers {answer.status}, and not as a server of jobfile does; look at the address"
            )
        words = message(str(plain.get("message") or plain.get("detail") or ""))
        found = _CODES.get(str(plain.get("code")))
        fields = plain.get("errors")
        if found is not None:
            listed = (
                {message(str(name)): message(str(one)) for name, one in fields.items()}
                if isinstance(fields, dict)
                else {}
            )
            return ServerError(words, code=found, fields=listed)
        return self._of_status(answer.status, words)

    def _of_status(self, status: int, words: str) -> ServerError:
        match status:
            case HTTPStatus.UNAUTHORIZED if self._has_token:
                return self._error(f"{words}; make one on its host:  jobfile token add NAME")
            case HTTPStatus.UNAUTHORIZED:
                return self._error(
                    f"it needs a token; put one into {TOKEN}, or its file into {TOKEN_FILE}. Make one on its "
                    "host:  jobfile token add NAME"
                )
            case HTTPStatus.FORBIDDEN:
                return self._error(
                    f"{words}; use a token that may do it:  jobfile token add NAME --role ROLE"
                )
            case HTTPStatus.NOT_FOUND | HTTPStatus.METHOD_NOT_ALLOWED:
                return self._error(f"{words}; if it is older than this jobfile ({__version__}), upgrade it")
            case HTTPStatus.MISDIRECTED_REQUEST:
                return self._error(
                    f"{words}; use the name that it is served with, or add this one there:  jobfile serve "
                    f"--host {self.address.host}"
                )
            case HTTPStatus.TOO_MANY_REQUESTS:
                return self._error(
                    f"{words} (too many requests with this token)", ErrorCode.SERVER_UNAVAILABLE
                )
            case HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
                return self._error(f"{words}; send it in parts")
            case _:
                is_away = status >= HTTPStatus.INTERNAL_SERVER_ERROR
                code = ErrorCode.SERVER_UNAVAILABLE if is_away else ErrorCode.SERVER_REFUSED
                return self._error(words, code)

    def _error(self, text: str, code: ErrorCode = ErrorCode.SERVER_REFUSED) -> ServerError:
        return ServerError(f"the server {self.address.text}: {text}", code=code)

    def _unreachable(self, error: HTTPError) -> ServerError:
        away = ErrorCode.SERVER_UNAVAILABLE
        if isinstance(error, SSLError):
            inner = error.args[0] if error.args else None
            if isinstance(inner, ssl.SSLCertVerificationError):
                is_unknown = inner.verify_code in UNKNOWN_ISSUER
                help_ = "; name the file of its authority in  SSL_CERT_FILE" if is_unknown else ""
                return self._error(f"its certificate is not valid here: {inner.verify_message}{help_}")
            return self._error("it does not speak TLS as expected; look at the address: http or https")
        if isinstance(error, NameResolutionError):
            return self._error("its name has no address; look at the address", away)
        if isinstance(error, ReadTimeoutError):
            return self._error("it is silent; try again, or look at its host:  jobfile status", away)
        if isinstance(error, NewConnectionError):
            cause = error.__cause__ or error.__context__
            why = cause.strerror if isinstance(cause, OSError) and cause.strerror else "no connection"
            return self._error(f"{why}; start it on its host:  jobfile serve", away)
        if isinstance(error, ConnectTimeoutError):
            return self._error(
                f"no connection within {CONNECT_SECONDS:.0f} s; see whether it is running", away
            )
        return self._error("the connection broke; try again", away)


def _host(address: Address) -> str:
    """The header Host: without the usual port, as browsers send it."""
    host = f"[{address.host}]" if ":" in address.host else address.host
    is_usual = address.port == (443 if address.scheme == "https" else 80)
    return host if is_usual else f"{host}:{address.port}"


def _pool_of(address: Address) -> urllib3.HTTPConnectionPool:
    if address.socket:
        return _SocketPool(address.socket)
    host = f"[{address.host}]" if ":" in address.host else address.host
    if address.scheme == "https":
        return urllib3.HTTPSConnectionPool(host, address.port, ssl_context=ssl.create_default_context())
    return urllib3.HTTPConnectionPool(host, address.port)


class _SocketConnection(HTTPConnection):
    """A connection to a Unix socket."""

    path = ""

    def _new_conn(self) -> socket.socket:
        made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        made.settimeout(CONNECT_SECONDS)
        try:
            made.connect(self.path)
        except OSError as error:
            made.close()
            raise NewConnectionError(self, "no connection") from error
        return made


class _SocketPool(urllib3.HTTPConnectionPool):
    """Connections to a Unix socket."""

    ConnectionCls = _SocketConnection

    def __init__(self, path: str) -> None:
        super().__init__("localhost")
        self._path = path

    def _new_conn(self) -> Any:  # noqa: ANN401  as urllib3 has it
        made = super()._new_conn()
        assert isinstance(made, _SocketConnection)
        made.path = self._path
        return made


def _read(response: BaseHTTPResponse) -> Answer:
    body = response.read(MAX_ANSWER_BYTES, decode_content=False) or b""
    return Answer(response.status, {name.lower(): value for name, value in response.headers.items()}, body)


def _asked_to_wait(answer: Answer, *, may_repeat: bool) -> float | None:
    """How long to wait before the request is sent again; None if it is not. The server has
    not read one that it refuses with 429.
    """
    if answer.status != HTTPStatus.TOO_MANY_REQUESTS and not (may_repeat and answer.status in _AGAIN):
        return None
    given = answer.headers.get("retry-after", "")
    return (
        min(MAX_PAUSE_SECONDS, float(given)) if given.isascii() and given.isdigit() else FIRST_PAUSE_SECONDS
    )
