"""Who may use the page and the API: roles, and what the ledger keeps about tokens and browsers' sessions."""

from datetime import datetime
from enum import StrEnum
from fnmatch import fnmatchcase

from jobfile.model.dataclass import dataclass

ALL_JOBS = "*"
OWNER = "owner"
"""Who uses the token of the state folder."""
NOBODY = "nobody at"
"""With an address, the actor of what was refused to a stranger."""


class Role(StrEnum):
    """What someone may do; each role may also do what those before it may."""

    VIEWER = "viewer"
    """Look."""
    OPERATOR = "operator"
    """Run, cancel, retry, pause and resume jobs."""
    ADMIN = "admin"
    """Put plans in force, read the audit."""

    @property
    def rank(self) -> int:
        """Its place in the order, from 1."""
        return list(Role).index(self) + 1


class GrantKind(StrEnum):
    """What a secret is for."""

    TOKEN = "token"  # noqa: S105  a word
    """A program sends it with each request."""
    SESSION = "session"
    """A browser sends it as a cookie."""
    CODE = "code"
    """A browser exchanges it for a session, once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What the bearer of a secret may do. The secret itself is nowhere: only its hash is kept."""

    hash: str
    kind: GrantKind
    name: str
    """Of the token, or of the user whose browser it is: the audit names it."""
    role: Role
    jobs: str = ALL_JOBS
    """The pattern of the names of jobs that it is limited to."""
    token: str = ""
    """Of a session: the hash of the token that it was opened with; it ends with that token."""
    created_at: datetime
    created_by: str
    expires_at: datetime | None = None
    used_at: datetime | None = None
    ended_at: datetime | None = None

    @property
    def actor(self) -> str:
        """How the audit names its bearer."""
        return f"token {self.name}" if self.kind is GrantKind.TOKEN and self.name != OWNER else self.name

    def holds_at(self, now: datetime) -> bool:
        """Whether it can be used at an instant."""
        return self.ended_at is None and (self.expires_at is None or now < self.expires_at)


def fits(pattern: str, job: str) -> bool:
    """Whether a job's name fits the pattern of a token; `*` and `?` as in the shell."""
    return pattern == ALL_JOBS or fnmatchcase(job, pattern)
