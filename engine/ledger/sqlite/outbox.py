"""Notifications to send, in the SQLite ledger."""

from datetime import datetime

from engine.core.records import Owed
from engine.ledger.record_rows import owed_from_row
from engine.ledger.rows import to_us
from engine.ledger.sqlite.connection import Connection


class SqliteOutbox:
    """Every method that writes runs inside the store's transaction."""

    def __init__(self, connection: Connection) -> None:
        """Take the store's connection."""
        self._db = connection

    def add(self, owed: Owed) -> None:
        values = owed._asdict() | {"at": to_us(owed.at)}
        del values["tries"]
        self._db.write("outbox.add_owed", values)

    def due(self, *, now: datetime, limit: int) -> tuple[Owed, ...]:
        return self._db.all(owed_from_row, "outbox.owed", {"now": to_us(now), "limit": limit})

    def sent(self, id: str, *, now: datetime) -> None:
        self._db.write("outbox.mark_sent", {"id": id, "now": to_us(now)})

    def failed(self, id: str, *, error: str, next_try_at: datetime) -> None:
        self._db.write("outbox.mark_unsent", {"id": id, "error": error, "next_try_at": to_us(next_try_at)})

    def drop_sent(self, *, before: datetime) -> int:
        return self._db.write("outbox.drop_sent", {"before": to_us(before)})
