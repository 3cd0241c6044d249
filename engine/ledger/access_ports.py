"""The ports of a ledger about who may use the page and the API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from datetime import datetime

    from engine.core.access import Grant


class Granted(Protocol):
    """Tokens and sessions, for reading."""

    def find(self, hash: str) -> Grant | None:
        """What the bearer of a secret with this hash may do; None if it is unknown."""
        ...

    def tokens(self) -> tuple[Grant, ...]:
        """All tokens by name, the revoked ones last."""
        ...


class Granting(Granted, Protocol):
    """Tokens and sessions, for writing."""

    def add(self, grant: Grant) -> None:
        """Record a new one."""
        ...

    def note_use(self, hash: str, *, now: datetime) -> None:
        """Record that it was used."""
        ...

    def take_code(self, hash: str, *, now: datetime) -> bool:
        """Delete a code that can still be used; of several callers, one gets True."""
        ...

    def revoke(self, name: str, *, now: datetime) -> bool:
        """End the token of this name and the sessions opened with it; False if there is none."""
        ...

    def end_session(self, hash: str) -> None:
        """Delete a session."""
        ...

    def end_sessions(self, name: str) -> int:
        """Delete all sessions of a name; return how many."""
        ...

    def drop_expired(self, *, now: datetime) -> None:
        """Delete sessions and codes that have expired."""
        ...
