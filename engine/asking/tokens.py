"""Makes tokens: a secret that is shown once, and what is kept of it."""

import secrets
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final

from engine.core.access import Grant, GrantKind, Role
from engine.core.errors import WrongUsageError
from jobfile.model.regex import regex

SECRET_BYTES: Final = 32
CODE_LENGTH: Final = timedelta(seconds=60)
"""How long the code of  jobfile ui  can be used."""
_NAME: Final = regex(r"[a-z0-9](?:[a-z0-9_.-]{0,62}[a-z0-9])?")
_JOBS: Final = regex(r"[a-z0-9_*?-]{1,63}")


def digest(secret: str) -> str:
    """What is stored and compared instead of a secret."""
    return sha256(secret.encode("ascii", "backslashreplace")).hexdigest()


def new_secret() -> str:
    """A secret that nobody can guess: 256 random bits."""
    return secrets.token_urlsafe(SECRET_BYTES)


def new_token(
    secret: str, name: str, role: Role, *, jobs: str, length: timedelta | None, by: str, now: datetime
) -> Grant:
    """What is kept of a new token. Raises WrongUsageError for an invalid name or pattern."""
    if _NAME.fullmatch(name) is None:
        raise WrongUsageError(f"'{name}' is not a name of a token: small letters, digits, _, . and -")
    if _JOBS.fullmatch(jobs) is None:
        raise WrongUsageError(f"--jobs: '{jobs}' is not a pattern of names of jobs, such as report-*")
    return Grant(
        hash=digest(secret),
        kind=GrantKind.TOKEN,
        name=name,
        role=role,
        jobs=jobs,
        created_at=now,
        created_by=by,
        expires_at=None if length is None else now + length,
    )
