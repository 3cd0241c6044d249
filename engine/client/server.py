"""The address of a server, its token, and why it gave no answer."""

import ipaddress
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from engine.core.errors import ErrorCode, JobfileError, WrongUsageError
from engine.host.ownership import is_foreign, open_own
from jobfile.diagnostics.escapes import printable
from jobfile.model.dataclass import dataclass
from jobfile.model.regex import regex

TOKEN: Final = "JOBFILE_TOKEN"  # noqa: S105  the name of a variable
TOKEN_FILE: Final = "JOBFILE_TOKEN_FILE"  # noqa: S105  as above
SOCKET_SCHEME: Final = "unix:"
PORTS: Final[Mapping[str, int]] = {"http": 80, "https": 443}
_HOST: Final = regex(r"[A-Za-z0-9_.:-]{1,253}")
_TOKEN: Final = regex(r"[A-Za-z0-9_-]{20,128}")
_FORMS: Final = "give https://HOST:PORT, http://127.0.0.1:PORT for this machine, or unix:PATH of its socket"


class ServerError(JobfileError):
    """A server gave no answer; the message says why, and what to do."""

    def __init__(self, message: str, *, code: ErrorCode, fields: Mapping[str, str] | None = None) -> None:
        """`code` says what kind of error it is; `fields`, what is wrong with each field of the request."""
        super().__init__(message)
        self.code = code
        self.exit_code = code.exit_code
        self.fields = fields or {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where a server is."""

    text: str
    """As it was named."""
    scheme: str = "http"
    host: str = "localhost"
    port: int = 80
    socket: str = ""
    """The path of its socket, if it has one."""

    @property
    def is_local(self) -> bool:
        """Whether nothing leaves this machine on the way."""
        if self.socket or self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


def parse_address(text: str) -> Address:
    """The address that a text names. Raises WrongUsageError."""
    if text.startswith(SOCKET_SCHEME):
        path = text.removeprefix(SOCKET_SCHEME).removeprefix("//")
        if not path:
            raise WrongUsageError(f"the server `{printable(text)}` has no path; {_FORMS}")
        return Address(text=text, socket=os.path.abspath(path))  # noqa: PTH100  no link is followed
    try:
        found = urlsplit(text)
        port = found.port
    except ValueError:
        raise _no_address(text) from None
    if found.username is not None or found.password is not None:
        raise WrongUsageError(
            f"the address of a server has no user and no password; put a token into {TOKEN}"
        )
    host = found.hostname or ""
    is_whole = found.path in ("", "/") and not found.query and not found.fragment
    if found.scheme not in PORTS or _HOST.fullmatch(host) is None or not is_whole:
        raise _no_address(text)
    return Address(text=text.rstrip("/"), scheme=found.scheme, host=host, port=port or PORTS[found.scheme])


def _no_address(text: str) -> WrongUsageError:
    return WrongUsageError(f"`{printable(text)}` is not the address of a server; {_FORMS}")


def refuse_open_token(address: Address, token: str) -> None:
    """Refuse to send a token where it can be read on the way."""
    if token and address.scheme == "http" and not address.is_local:
        raise WrongUsageError(
            f"a token for {address.text} would cross the network unencrypted; give an https:// address"
        )


def token_of(environ: Mapping[str, str]) -> str:
    """The token of the environment, or of the file that it names; empty if there is none."""
    given = environ.get(TOKEN, "")
    if given:
        return checked_token(given, where=TOKEN)
    file = environ.get(TOKEN_FILE, "")
    return token_in(Path(file)) if file else ""


def token_in(path: Path) -> str:
    """The token in a file. Refuses one that other users can read."""
    try:
        handle = open_own(path, os.O_RDONLY)
    except OSError as error:
        raise JobfileError(f"{path} cannot be read ({error.strerror}); put a token into it") from error
    with os.fdopen(handle, encoding="ascii", errors="replace") as file:
        about = os.fstat(handle)
        if is_foreign(about) or about.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise JobfileError(f"{path} is open to other users; close it:  chmod 600 {path}")
        return checked_token(file.read(1_024).strip(), where=str(path))


def checked_token(text: str, *, where: str) -> str:
    """A token that has the form of one. The error does not show it."""
    if _TOKEN.fullmatch(text) is None:
        raise JobfileError(
            f"{where} has no token; make one on the server's host:  jobfile token add NAME, and copy it whole"
        )
    return text
