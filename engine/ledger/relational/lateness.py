"""Late jobs and unusual runs."""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta

from engine.core.lateness import Late
from engine.core.lifecycle import Run
from engine.core.records import Odd
from engine.ledger.connection import Connection
from engine.ledger.record_rows import late_from_row, odd_from_row
from engine.ledger.rows import run_from_row, to_us


class LedgerLateness:
    """Every method that writes runs inside the store's transaction."""

    def __init__(self, connection: Connection) -> None:
        """Take the connection of a store or a view."""
        self._db = connection

    def open(self, job: str | None) -> tuple[Late, ...]:
        which = "late.open_late" if job is None else "late.open_late_of_job"
        return self._db.all(late_from_row, which, {"job": job})

    def between(self, job: str | None, *, since: datetime, until: datetime) -> tuple[Late, ...]:
        values = {"job": job, "since": to_us(since), "until": to_us(until)}
        which = "late.late_between" if job is None else "late.late_of_job_between"
        return self._db.all(late_from_row, which, values)

    def active_runs(self) -> tuple[Run, ...]:
        return self._db.all(run_from_row, "run.active_runs")

    def odd_of(self, run_id: str) -> tuple[Odd, ...]:
        return self._db.all(odd_from_row, "late.odd_of_run", {"run_id": run_id})

    def last_success(self, job: str, *, before: datetime) -> datetime | None:
        return self._db.instant("run.last_success", {"job": job, "before": to_us(before)})

    def add(self, late: Late, *, now: datetime) -> bool:
        values = {
            "job": late.job,
            "kind": late.kind.value,
            "about": late.about,
            "since": to_us(late.since),
            "found_at": to_us(now),
            "limit_seconds": None if late.limit is None else int(late.limit.total_seconds()),
            "scheduled_for": None if late.scheduled_for is None else to_us(late.scheduled_for),
            "run_id": late.run_id,
        }
        return self._db.write("late.add_late", values) == 1

    def end(self, job: str, *, now: datetime) -> int:
        return self._db.write("late.end_late", {"job": job, "now": to_us(now)})

    def drop(self, *, before: datetime) -> int:
        return self._db.write("late.drop_late", {"before": to_us(before)})

    def add_odd(self, found: Sequence[Odd]) -> None:
        for one in found:
            self._db.write("late.add_odd", one._asdict())

    def durations(self, job: str, *, besides: str, limit: int) -> tuple[timedelta, ...]:
        values = {"job": job, "besides": besides, "limit": limit}
        return tuple(timedelta(microseconds=row["length"]) for row in self._db.rows("late.durations", values))

    def numbers(self, job: str, name: str, *, besides: str, limit: int) -> tuple[float, ...]:
        values = {"job": job, "name": name, "besides": besides, "limit": limit}
        found = (json.loads(row["value"]) for row in self._db.rows("late.numbers", values))
        return tuple(float(one) for one in found if type(one) in (int, float))
