"""The ports of a ledger about jobs that are late, and about runs that are unusual."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime, timedelta

    from engine.core.lateness import Late
    from engine.core.lifecycle import Run
    from engine.core.records import Odd


class LateHistory(Protocol):
    """What is recorded about late jobs and unusual runs."""

    def open(self, job: str | None) -> tuple[Late, ...]:
        """How jobs are late since their last success, by job, then oldest first; all jobs for None."""
        ...

    def between(self, job: str | None, *, since: datetime, until: datetime) -> tuple[Late, ...]:
        """How jobs became late in [since, until), by job, then oldest first; all jobs for None."""
        ...

    def active_runs(self) -> tuple[Run, ...]:
        """The runs that have started and are not over, oldest first."""
        ...

    def odd_of(self, run_id: str) -> tuple[Odd, ...]:
        """What is unusual about a run, by name."""
        ...

    def last_success(self, job: str, *, before: datetime) -> datetime | None:
        """When a job last succeeded, at or before an instant."""
        ...


class Lateness(LateHistory, Protocol):
    """Recording late jobs and unusual runs."""

    def add(self, late: Late, *, now: datetime) -> bool:
        """Record that a job is late; False, and nothing changes, when it is known."""
        ...

    def end(self, job: str, *, now: datetime) -> int:
        """Record that a success has ended all lateness of a job; return how many records of it."""
        ...

    def drop(self, *, before: datetime) -> int:
        """Delete the records that a success ended before an instant; return how many."""
        ...

    def add_odd(self, found: Sequence[Odd]) -> None:
        """Record what is unusual about a run."""
        ...

    def durations(self, job: str, *, besides: str, limit: int) -> tuple[timedelta, ...]:
        """Durations of the last attempts of the job's newest successes, without `besides`; newest first."""
        ...

    def numbers(self, job: str, name: str, *, besides: str, limit: int) -> tuple[float, ...]:
        """Values of an output of the job's newest successes, without `besides`; newest first."""
        ...
