"""Tokens and sessions."""

from datetime import datetime

from engine.core.access import Grant
from engine.ledger.connection import Connection
from engine.ledger.record_rows import grant_from_row
from engine.ledger.rows import to_us


class LedgerAccess:
    """Every method that writes runs inside the store's transaction."""

    def __init__(self, connection: Connection) -> None:
        """Take the connection of a store or a view."""
        self._db = connection

    def find(self, hash: str) -> Grant | None:
        found = self._db.all(grant_from_row, "access.grant", {"hash": hash})
        return found[0] if found else None

    def tokens(self) -> tuple[Grant, ...]:
        return self._db.all(grant_from_row, "access.tokens")

    def add(self, grant: Grant) -> None:
        values = {
            "hash": grant.hash,
            "kind": grant.kind.value,
            "name": grant.name,
            "role": grant.role.value,
            "jobs": grant.jobs,
            "token": grant.token,
            "created_at": to_us(grant.created_at),
            "created_by": grant.created_by,
            "expires_at": None if grant.expires_at is None else to_us(grant.expires_at),
        }
        self._db.write("access.add_grant", values)

    def note_use(self, hash: str, *, now: datetime) -> None:
        self._db.write("access.note_use", {"hash": hash, "now": to_us(now)})

    def take_code(self, hash: str, *, now: datetime) -> bool:
        return self._db.write("access.take_code", {"hash": hash, "now": to_us(now)}) == 1

    def revoke(self, name: str, *, now: datetime) -> bool:
        self._db.write("access.end_sessions_of_token", {"name": name})
        return self._db.write("access.revoke_token", {"name": name, "now": to_us(now)}) == 1

    def end_session(self, hash: str) -> None:
        self._db.write("access.end_session", {"hash": hash})

    def end_sessions(self, name: str) -> int:
        return self._db.write("access.end_sessions_of", {"name": name})

    def drop_expired(self, *, now: datetime) -> None:
        self._db.write("access.drop_expired", {"now": to_us(now)})
