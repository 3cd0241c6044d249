"""What a check of the ledger itself reads: whole sets in their order, and rows that contradict each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from engine.core.records import CLOCK_HOLD

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager
    from datetime import datetime

    from engine.core.lifecycle import Run
    from engine.core.records import (
        Backlog,
        Crowd,
        Gap,
        Incident,
        LastState,
        LiveAttempt,
        Schedule,
        Session,
        SetKey,
        Suspect,
        Tally,
        Unreadable,
    )


class Standing(Protocol):
    """How far the ledger is: its epoch, its coverage, what runs."""

    def newest_epoch(self) -> int:
        """The epoch of the session that started last, an engine's or a single run's; 0 when none ever has."""
        ...

    def max_covered_until(self) -> datetime | None:
        """How far the ledger has accounted for time."""
        ...

    def covered_in_force(self) -> datetime | None:
        """How far the schedules in force have accounted for time."""
        ...

    def schedules_in_force(self) -> tuple[Schedule, ...]:
        """Every schedule in force, with the digest its next run would use, oldest first."""
        ...

    def live_attempts(self) -> tuple[LiveAttempt, ...]:
        """Attempts without an end, oldest first."""
        ...


class Holds(Protocol):
    """What holds the engine back, and the clock that it follows."""

    def hold(self, kind: str = CLOCK_HOLD) -> Incident | None:
        """What holds the engine back, if it does: the clock, an older ledger, a full disk."""
        ...

    def clock_epoch(self) -> int:
        """How often a clock that had run wrongly was set right by a person."""
        ...


class Contents(Protocol):
    """Everything the ledger holds, in order."""

    def snapshot(self) -> AbstractContextManager[None]:
        """Everything that is read inside is of one moment, whatever an engine writes meanwhile."""
        ...

    def tally(self) -> Tally:
        """How much the ledger holds."""
        ...

    def set_keys(self) -> tuple[SetKey, ...]:
        """Every set of occurrences that a schedule or a run names, in order."""
        ...

    def schedules(self, key: SetKey) -> tuple[Schedule, ...]:
        """The schedules that a set is made of, oldest first."""
        ...

    def instants(self, key: SetKey) -> Iterator[tuple[datetime, str]]:
        """The runs of a set, each with its instant, oldest first; read one after the other."""
        ...

    def gaps(self, schedule_id: int) -> Iterator[Gap]:
        """The gap records of a schedule, oldest first; read one after the other."""
        ...

    def run_ids(self) -> Iterator[str]:
        """Every run's id in order."""
        ...

    def sessions(self) -> Iterator[Session]:
        """Every session in the order of its epoch."""
        ...

    def newest_intent(self) -> datetime | None:
        """When an attempt was committed to last."""
        ...

    def tzdata_versions(self) -> tuple[str, ...]:
        """The zone rules that generations were applied with, those of the one in force first."""
        ...

    def backlog(self) -> Backlog:
        """Notifications that nobody has delivered."""
        ...


class Contradictions(Protocol):
    """Rows that cannot be true together, or that nothing will ever move."""

    def half_ended(self, *, limit: int) -> tuple[Suspect, ...]:
        """Runs and attempts whose state and end contradict each other, or that were resolved and not lost."""
        ...

    def misnumbered(self, *, limit: int) -> tuple[Suspect, ...]:
        """Runs whose attempts are not numbered without a hole, or of which another than the last is alive."""
        ...

    def executed_twice(self, *, limit: int) -> tuple[Suspect, ...]:
        """Runs with a lost attempt that turned out to have ended, after another had started."""
        ...

    def unproven(self, *, limit: int) -> tuple[Suspect, ...]:
        """Runs that succeeded without an attempt that did."""
        ...

    def ownerless(self, *, limit: int) -> tuple[Suspect, ...]:
        """Open runs that nothing will ever move: no live attempt, no time to try again."""
        ...

    def overdue(self, *, before: datetime, limit: int) -> tuple[Run, ...]:
        """Runs that were due before an instant, with nothing in their way, and have not moved."""
        ...

    def last_states(self) -> tuple[LastState, ...]:
        """The state of the last attempt of the runs in each state; '' for none."""
        ...

    def crowds(self, *, limit: int) -> tuple[Crowd, ...]:
        """Concurrency keys with more active runs than any of them was allowed beside itself."""
        ...

    def unreadable_rows(self) -> Iterator[Unreadable]:
        """Every row of every table that cannot be read, read one after the other."""
        ...


class Soundness(Standing, Holds, Contents, Contradictions, Protocol):
    """Everything that a check of the ledger reads."""
