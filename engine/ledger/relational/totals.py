"""Numbers about many runs."""

import json
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime, timedelta

from engine.core.histograms import Bucket
from engine.core.lifecycle import Run, RunState
from engine.core.records import StateCount
from engine.ledger.cells import COUNT, state_of
from engine.ledger.connection import Connection
from engine.ledger.record_rows import bucket_from_row
from engine.ledger.rows import run_from_row, to_us

_MICROSECOND = timedelta(microseconds=1)


class LedgerTotals:
    """Implements `Totals`."""

    def __init__(self, connection: Connection) -> None:
        """Take the connection of a view."""
        self._db = connection

    def histograms(self) -> tuple[Bucket, ...]:
        return self._db.all(bucket_from_row, "histogram.histograms")

    def count_runs_of(
        self, jobs: Collection[str], *, since: datetime, until: datetime, midnight: datetime, day: timedelta
    ) -> tuple[StateCount, ...]:
        values = {
            **_about(jobs, since, until),
            "midnight": to_us(midnight),
            "day": day // _MICROSECOND,
        }
        return tuple(
            StateCount(
                job=row["job"],
                is_scheduled=bool(row["is_scheduled"]),
                state=state_of(row["state"]),
                count=row["count"],
                day=row["day"],
            )
            for row in self._db.rows("run.count_runs_of", values)
        )

    def courses(
        self, jobs: Collection[str] | None, *, since: datetime, until: datetime
    ) -> Iterator[tuple[str, int | None, int | None]]:
        name = "run.courses" if jobs is None else "run.courses_of"
        for row in self._db.each(name, _about(jobs, since, until)):
            yield row["job"], *(one if COUNT.is_good(one) else None for one in (row[1], row[2]))

    def newest_in_states(
        self,
        jobs: Collection[str] | None,
        states: Sequence[RunState],
        *,
        since: datetime,
        until: datetime,
        of_each: int,
        limit: int,
    ) -> tuple[Run, ...]:
        values = {
            **_about(jobs, since, until),
            "states": json.dumps(states),
            "of_each": of_each,
            "limit": limit,
        }
        # Each of the two uses its own index.
        name = "run.newest_in_states" if jobs is None else "run.newest_in_states_of"
        return self._db.all(run_from_row, name, values)


def _about(jobs: Collection[str] | None, since: datetime, until: datetime) -> dict[str, object]:
    window: dict[str, object] = {"since": to_us(since), "until": to_us(until)}
    return window if jobs is None else {**window, "jobs": json.dumps(sorted(jobs))}
