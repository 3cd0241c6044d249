"""The port of a ledger for reports: numbers that the database makes of many runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from datetime import datetime, timedelta

    from engine.core.histograms import Bucket
    from engine.core.lifecycle import Run, RunState
    from engine.core.records import StateCount


class Totals(Protocol):
    """Numbers about the runs for times in [since, until), of some jobs, or of all for None; and those about
    all runs ever.
    """

    def histograms(self) -> tuple[Bucket, ...]:
        """Every bucket that has counted a run since the ledger began, in no particular order."""
        ...

    def count_runs_of(
        self, jobs: Collection[str], *, since: datetime, until: datetime, midnight: datetime, day: timedelta
    ) -> tuple[StateCount, ...]:
        """As `count_runs`, by day too: day 0 begins at `midnight`, and each is as long as `day`."""
        ...

    def courses(
        self, jobs: Collection[str] | None, *, since: datetime, until: datetime
    ) -> Iterator[tuple[str, int | None, int | None]]:
        """The job of each run that was started, and in microseconds how long it took from its first start, if
        it succeeded, and how long after its time it started, if it is one of a schedule; read lazily, in no
        particular order.
        """
        ...

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
        """The newest runs in these states, newest first, `of_each` of a job; none with a manual retry."""
        ...
