"""Notifications to send."""

from collections.abc import Mapping
from datetime import datetime
from itertools import groupby

from engine.core.records import Owed, Parcel, Told
from engine.ledger.connection import Connection
from engine.ledger.record_rows import owed_from_row
from engine.ledger.rows import Row, from_us, to_us


class LedgerOutbox:
    """Every method that writes runs inside the store's transaction."""

    def __init__(self, connection: Connection) -> None:
        """Take the store's connection."""
        self._db = connection

    def add(self, owed: Owed) -> None:
        values = owed._asdict() | {"at": to_us(owed.at)}
        del values["tries"]
        self._db.write("outbox.add_owed", values)

    def channels(self) -> tuple[str, ...]:
        return tuple(row["channel"] for row in self._db.rows("outbox.channels"))

    def pending(self, channel: str, *, of_each: int, limit: int) -> tuple[Owed, ...]:
        values = {"channel": channel, "of_each": of_each, "limit": limit}
        return self._db.all(owed_from_row, "outbox.pending", values)

    def assign(self, message: str, channel: str, upto: Mapping[str, datetime]) -> None:
        for job, at in upto.items():
            values = {"message": message, "channel": channel, "job": job, "upto": to_us(at)}
            self._db.write("outbox.assign", values)

    def parcels(self, channel: str) -> tuple[Parcel, ...]:
        rows = self._db.rows("outbox.messages", {"channel": channel})
        by_message = groupby(
            sorted(rows, key=lambda row: row["message"]), key=lambda row: str(row["message"])
        )
        found = [_parcel(message, list(parts)) for message, parts in by_message]
        return tuple(sorted(found, key=lambda one: (one.at, one.id)))

    def of_message(self, message: str, *, limit: int) -> tuple[Owed, ...]:
        return self._db.all(owed_from_row, "outbox.of_message", {"message": message, "limit": limit})

    def count_of(self, message: str) -> int:
        return int(self._db.rows("outbox.count_of_message", {"message": message})[0][0])

    def told(self, channel: str, *, since: datetime) -> tuple[Told, ...]:
        rows = self._db.rows("outbox.told", {"channel": channel, "since": to_us(since)})
        return tuple(Told(row["job"], row["event"], from_us(row["sent_at"])) for row in rows)

    def sent(self, id: str, *, now: datetime) -> None:
        self._db.write("outbox.mark_sent", {"id": id, "now": to_us(now)})

    def failed(self, id: str, *, error: str, next_try_at: datetime, done: tuple[str, ...] = ()) -> None:
        values = {"id": id, "error": error, "next_try_at": to_us(next_try_at), "done": " ".join(done)}
        self._db.write("outbox.mark_unsent", values)

    def give_up(self, id: str, *, error: str, now: datetime, done: tuple[str, ...] = ()) -> None:
        values = {"id": id, "error": error, "now": to_us(now), "done": " ".join(done)}
        self._db.write("outbox.mark_given_up", values)

    def drop_sent(self, *, before: datetime) -> int:
        return self._db.write("outbox.drop_sent", {"before": to_us(before)})


def _parcel(message: str, parts: list[Row]) -> Parcel:
    return Parcel(
        id=message,
        jobs=tuple(part["job"] for part in parts),
        at=from_us(min(part["at"] for part in parts)),
        tries=max(part["tries"] for part in parts),
        next_try_at=from_us(max(part["next_try_at"] for part in parts)),
        done=tuple(parts[0]["done"].split()),
    )
