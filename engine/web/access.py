"""Who makes a request: a user of this machine at the socket, or the bearer of a token."""

import hmac
import os
import pwd
import secrets
import stat
from collections.abc import Mapping
from hashlib import sha256
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

from engine.core.errors import JobfileError
from engine.host.ownership import refuse_foreign_state
from engine.web.refusing import RefusedError
from engine.web.visits import Role, Who
from jobfile.model.regex import regex

TOKEN_FILE: Final = "token"  # noqa: S105  the name of a file
TOKEN_BYTES: Final = 32
_BEARER: Final = regex(r"Bearer ([A-Za-z0-9_-]{20,128})")
OWNER: Final = "owner"
"""The name in the audit of whoever uses the token of the state folder."""


def digest(secret: str) -> str:
    """What is stored and compared instead of a secret."""
    return sha256(secret.encode("ascii", "backslashreplace")).hexdigest()


def bearer(headers: Mapping[str, str]) -> str | None:
    """The token of a request; None if it sends none. One that has no token's form is refused."""
    given = headers.get("authorization")
    if given is None:
        return None
    found = _BEARER.fullmatch(given)
    if found is None:
        raise RefusedError(HTTPStatus.UNAUTHORIZED, "the Authorization header is no bearer token")
    return found[1]


def who_at_socket(scope: Mapping[str, Any]) -> Who | None:
    """The user of this machine at the other end of the Unix socket; the kernel says who it is."""
    uid = scope.get("state", {}).get("peer_uid")
    if uid is None:
        return None
    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:
        name = str(uid)
    return Who(name=name, role=Role.ADMIN)


def is_own_token(state_dir: Path, token: str) -> bool:
    """Whether this is the token of the state folder; compared in constant time."""
    try:
        own = read_token(state_dir)
    except JobfileError:
        own = None
    return hmac.compare_digest(digest(token), digest(own or secrets.token_urlsafe(TOKEN_BYTES))) and bool(own)


def make_token(state_dir: Path) -> str:
    """The token of the state folder; made if there is none."""
    refuse_foreign_state(state_dir)
    path = state_dir / TOKEN_FILE
    found = read_token(state_dir)
    if found is not None:
        return found
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except FileExistsError:  # another process was faster
        return make_token(state_dir)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(f"{secrets.token_urlsafe(TOKEN_BYTES)}\n")
    return make_token(state_dir)


def read_token(state_dir: Path) -> str | None:
    """The token of the state folder; None if there is none. One that others can read is refused."""
    path = state_dir / TOKEN_FILE
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise JobfileError(f"{path} cannot be read ({error.strerror})") from error
    with os.fdopen(handle, encoding="ascii", errors="replace") as file:
        about = os.fstat(handle)
        if not stat.S_ISREG(about.st_mode) or about.st_uid != os.geteuid():
            raise JobfileError(f"{path} is not a file of this user; remove it, and a new one is made")
        if about.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            mode = stat.S_IMODE(about.st_mode)
            raise JobfileError(
                f"{path} is open to others (mode {mode:04o}); remove it, and a new one is made: others may "
                "have read it"
            )
        text = file.read(TOKEN_BYTES * 4).strip()
    if _BEARER.fullmatch(f"Bearer {text}") is None:
        raise JobfileError(f"{path} has no token; remove it, and a new one is made")
    return text
