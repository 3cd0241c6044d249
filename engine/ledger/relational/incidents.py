"""Incidents, holds and the clock epoch."""

from datetime import datetime

from engine.core.lifecycle import Run
from engine.core.records import CLOCK_HOLD, Incident
from engine.ledger.cells import COUNT, is_number
from engine.ledger.connection import Connection
from engine.ledger.record_rows import incident_from_row
from engine.ledger.rows import to_us

CLOCK_EPOCH = "clock_epoch"


class LedgerIncidents:
    """Every method that writes runs inside the store's transaction."""

    def __init__(self, connection: Connection) -> None:
        """Take the store's connection."""
        self._db = connection

    def note(
        self, kind: str, *, began_at: datetime, detail: str, occurrences: int, jobs: int, now: datetime
    ) -> None:
        values: dict[str, object] = {
            "kind": kind,
            "began_at": to_us(began_at),
            "ended_at": to_us(now),
            "detail": detail,
            "occurrences": occurrences,
            "jobs": jobs,
            "recorded_at": to_us(now),
        }
        if not self._db.write("incident.grow_incident", values):
            self._db.write("incident.add_incident", values)

    def hold(self, kind: str = CLOCK_HOLD) -> Incident | None:
        return self._db.first(incident_from_row, "incident.open_hold", {"kind": kind})

    def begin_hold(self, kind: str = CLOCK_HOLD, *, detail: str, now: datetime) -> None:
        at = to_us(now)
        values = {"kind": kind, "began_at": at, "ended_at": None, "detail": detail}
        self._db.write("incident.add_incident", values | {"occurrences": 0, "jobs": 0, "recorded_at": at})

    def end_hold(self, kind: str = CLOCK_HOLD, *, by: str, now: datetime) -> None:
        self._db.write("incident.end_hold", {"kind": kind, "accepted_by": by, "now": to_us(now)})

    def accept_hold(self, *, actor: str) -> bool:
        return self._db.write("incident.accept_hold", {"actor": actor}) == 1

    def recent(self, *, limit: int) -> tuple[Incident, ...]:
        return self._db.all(incident_from_row, "incident.recent_incidents", {"limit": limit})

    def clock_epoch(self) -> int:
        row = self._db.row("meta.get_meta", {"key": CLOCK_EPOCH})
        noted = "0" if row is None else str(row["value"])
        return int(noted) if is_number(noted) else self._newest_clock()

    def _newest_clock(self) -> int:
        """The newest epoch of any schedule: the substitute for a noted epoch that is unreadable."""
        row = self._db.row("schedule.newest_clock")
        assert row is not None
        return row[0] if COUNT.is_good(row[0]) else 0

    def wait_until(self, run: Run, at: datetime) -> bool:
        return self._db.write("run.wait_until", {"id": run.id, "attempt": run.attempt, "at": to_us(at)}) == 1

    def rewind(self, *, now: datetime) -> None:
        epoch = self.clock_epoch() + 1
        self._db.write("meta.set_meta", {"key": CLOCK_EPOCH, "value": str(epoch)})
        self._db.write("schedule.end_schedules_of_clock", {})
        self._db.write("run.end_waiting_of_clock", {"now": to_us(now), "clock_epoch": epoch})
        self._db.write("schedule.renew_schedules", {"now": to_us(now), "clock_epoch": epoch})
