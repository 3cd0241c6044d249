"""Pauses of jobs."""

from datetime import datetime

from engine.core.records import Pause
from engine.ledger.connection import Connection
from engine.ledger.record_rows import pause_from_row
from engine.ledger.rows import to_us


class LedgerPauses:
    """Every method that writes runs inside the store's transaction."""

    def __init__(self, connection: Connection) -> None:
        """Take the store's connection."""
        self._db = connection

    def add(self, pause: Pause) -> None:
        until = None if pause.until is None else to_us(pause.until)
        values = {"job": pause.job, "source": pause.source, "actor": pause.actor, "reason": pause.reason}
        self._db.write("pause.add_pause", values | {"paused_at": to_us(pause.paused_at), "until": until})

    def end(self, job: str, *, by: str, now: datetime) -> int:
        return self._db.write("pause.end_pauses", {"job": job, "ended_by": by, "now": to_us(now)})

    def between(self, job: str | None, *, since: datetime, until: datetime) -> tuple[Pause, ...]:
        values = {"job": job, "since": to_us(since), "until": to_us(until)}
        which = "pause.pauses_between" if job is None else "pause.pauses_of_job_between"
        return self._db.all(pause_from_row, which, values)

    def last_resume(self, job: str) -> datetime | None:
        return self._db.instant("pause.last_resume", {"job": job})
