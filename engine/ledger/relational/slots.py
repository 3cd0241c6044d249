"""Runs counted by slots of time."""

import json
from collections.abc import Collection
from datetime import datetime, timedelta

from engine.ledger.cells import state_of
from engine.ledger.connection import Connection
from engine.ledger.rows import to_us
from engine.ledger.slot_ports import SlotCount


class LedgerSlots:
    """Implements `Slots`."""

    def __init__(self, connection: Connection) -> None:
        """Take the connection of a view."""
        self._db = connection

    def of_all(
        self, jobs: Collection[str] | None, *, since: datetime, until: datetime, length: timedelta
    ) -> tuple[SlotCount, ...]:
        return self._counts("run.slots_of_all", jobs, since, until, length)

    def of_each(
        self, jobs: Collection[str], *, since: datetime, until: datetime, length: timedelta
    ) -> tuple[SlotCount, ...]:
        return self._counts("run.slots_of_each", jobs, since, until, length)

    def active(
        self, jobs: Collection[str], *, since: datetime, until: datetime, reach: datetime
    ) -> tuple[str, ...]:
        values = {**_about(jobs, since, until), "reach": to_us(reach)}
        rows = self._db.rows("run.active_jobs", values)
        return tuple(row["job"] for row in rows)

    def _counts(
        self, query: str, jobs: Collection[str] | None, since: datetime, until: datetime, length: timedelta
    ) -> tuple[SlotCount, ...]:
        values = {**_about(jobs, since, until), "length": length // timedelta.resolution}
        return tuple(
            SlotCount(row["job"], row["slot"], state_of(row["state"]), row["count"])
            for row in self._db.rows(query, values)
        )


def _about(jobs: Collection[str] | None, since: datetime, until: datetime) -> dict[str, object]:
    names = None if jobs is None else json.dumps(sorted(jobs))
    return {"jobs": names, "since": to_us(since), "until": to_us(until)}
