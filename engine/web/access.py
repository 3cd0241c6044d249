"""What requests need, who makes one, and the token of the state folder."""

import hmac
import os
import pwd
import stat
from collections.abc import Mapping
from enum import IntEnum
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

from engine.asking.tokens import digest, new_secret
from engine.core.access import ALL_JOBS, Grant, Role, fits
from engine.core.errors import JobfileError
from engine.host.ownership import is_foreign, open_own, refuse_foreign_state
from engine.web.refusing import RefusedError
from jobfile.model.dataclass import dataclass
from jobfile.model.regex import regex

TOKEN_FILE: Final = "token"  # noqa: S105  the name of a file
MAX_TOKEN: Final = 128
_BEARER: Final = regex(r"Bearer ([A-Za-z0-9_-]{20,128})")


class Access(IntEnum):
    """What a route needs. There is no default."""

    OPEN = 0
    """Nothing: the sign-in page, static files and probes."""
    VIEW = Role.VIEWER.rank
    OPERATE = Role.OPERATOR.rank
    ADMIN = Role.ADMIN.rank

    @property
    def role(self) -> Role:
        """The least role that has it. What is open needs none."""
        return next(role for role in Role if role.rank == self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Who:
    """Who makes a request."""

    name: str
    """The name in the audit: of a user of this machine, or of a token."""
    role: Role
    jobs: str = ALL_JOBS
    """The pattern of the names of jobs that this is limited to."""
    session: str = ""
    """The secret of a browser's session, for its forms; empty for a request that no browser sends."""
    grant: Grant | None = None

    @property
    def is_limited(self) -> bool:
        """Whether only some jobs may be seen."""
        return self.jobs != ALL_JOBS

    def sees(self, job: str) -> bool:
        """Whether this job may be seen."""
        return fits(self.jobs, job)

    def may(self, access: Access) -> bool:
        """Whether the role suffices for a route."""
        return self.role.rank >= access


def names_bearer(headers: Mapping[str, str]) -> bool:
    """Whether a request has a token in the header Authorization, or what is meant to be one."""
    return headers.get("authorization", "").lower().startswith("bearer")


def bearer(headers: Mapping[str, str]) -> str | None:
    """The token of a request; None if it sends none. A header in a different form is refused."""
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
    return hmac.compare_digest(digest(token), digest(own or new_secret())) and bool(own)


def make_token(state_dir: Path) -> str:
    """The token of the state folder; made if there is none."""
    refuse_foreign_state(state_dir)
    path = state_dir / TOKEN_FILE
    found = read_token(state_dir)
    if found is not None:
        return found
    try:
        handle = open_own(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    except FileExistsError:  # another process was faster
        return make_token(state_dir)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(f"{new_secret()}\n")
    return make_token(state_dir)


def read_token(state_dir: Path) -> str | None:
    """The token of the state folder; None if there is none. One that others can read is refused."""
    path = state_dir / TOKEN_FILE
    try:
        handle = open_own(path, os.O_RDONLY)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise JobfileError(f"{path} cannot be read ({error.strerror})") from error
    with os.fdopen(handle, encoding="ascii", errors="replace") as file:
        about = os.fstat(handle)
        if is_foreign(about):
            raise JobfileError(f"{path} is not a file of this user; remove it, and a new one is made")
        if about.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            mode = stat.S_IMODE(about.st_mode)
            raise JobfileError(
                f"{path} is open to others (mode {mode:04o}); remove it, and a new one is made: others may "
                "have read it"
            )
        text = file.read(MAX_TOKEN).strip()
    if _BEARER.fullmatch(f"Bearer {text}") is None:
        raise JobfileError(f"{path} has no token; remove it, and a new one is made")
    return text
