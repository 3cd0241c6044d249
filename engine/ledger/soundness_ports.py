"""The ports of a check of the ledger itself: whole tables in order, and rows that contradict each other."""

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
        DeliveryError,
        Gap,
        GivenUp,
        Incident,
        LastState,
        LiveAttempt,
        QueueCrowd,
        Schedule,
        Session,
        SetKey,
        Suspect,
        Tally,
        Unreadable,
    )


class Standing(Protocol):
    """The present state: newest session, coverage, running attempts."""

    def newest_epoch(self) -> int:
        """The epoch of the last session, of an engine or of a single run; 0 when there is none."""
        ...

    def max_covered_until(self) -> datetime | None:
        """The latest instant up to which any schedule is accounted for; None without schedules."""
        ...

    def covered_in_force(self) -> datetime | None:
        """The latest instant up to which any schedule in force is accounted for."""
        ...

    def schedules_in_force(self) -> tuple[Schedule, ...]:
        """Schedules in force, each with the digest of the job that its next run would use, oldest first."""
        ...

    def live_attempts(self) -> tuple[LiveAttempt, ...]:
        """Attempts without an end, oldest first."""
        ...


class Holds(Protocol):
    """Holds of the engine, and the clock epoch."""

    def hold(self, kind: str = CLOCK_HOLD) -> Incident | None:
        """The open hold of a kind: clock not believed, restored ledger, full disk.
        None when there is none.
        """
        ...

    def clock_epoch(self) -> int:
        """The current clock epoch: how many times a user has corrected a clock that had been wrong."""
        ...


class Contents(Protocol):
    """The contents of the ledger, in order."""

    def snapshot(self) -> AbstractContextManager[None]:
        """Everything that is read inside is of one moment, even while an engine writes.

        Inside another snapshot it is the moment of that one.
        """
        ...

    def tally(self) -> Tally:
        """The numbers of rows in the main tables."""
        ...

    def set_keys(self) -> tuple[SetKey, ...]:
        """Every set of occurrences (job, schedule key, clock epoch) of the schedules and runs, in order."""
        ...

    def schedules(self, key: SetKey) -> tuple[Schedule, ...]:
        """The schedules of a set, oldest first."""
        ...

    def instants(self, key: SetKey) -> Iterator[tuple[datetime, str]]:
        """The nominal times and ids of the runs of a set, oldest first, read lazily.

        Of an occurrence with a matrix, the first run.
        """
        ...

    def gaps(self, schedule_id: int) -> Iterator[Gap]:
        """The gap records of a schedule, oldest first, read lazily."""
        ...

    def run_ids(self) -> Iterator[str]:
        """The ids of all runs, in order, read lazily."""
        ...

    def sessions(self) -> Iterator[Session]:
        """All sessions, by epoch, read lazily."""
        ...

    def newest_intent(self) -> datetime | None:
        """When the newest attempt was created; None without attempts."""
        ...

    def tzdata_versions(self) -> tuple[str, ...]:
        """The tzdata versions that generations were applied with, that of the one in force first."""
        ...

    def backlog(self) -> Backlog:
        """The number of undelivered notifications, and the time of the oldest."""
        ...

    def given_up(self) -> GivenUp:
        """The number of notifications that were given up, and when the last one was."""
        ...

    def delivery_error(self) -> DeliveryError | None:
        """Why the last try to reach a channel failed; None when each notification was delivered."""
        ...


class Contradictions(Protocol):
    """Rows that contradict each other, or that no loop will ever change; `limit`: the maximum number to
    return.
    """

    def torn_occurrences(self, *, limit: int) -> tuple[Suspect, ...]:
        """Occurrences of a matrix that do not have each of their runs once."""
        ...

    def half_ended(self, *, limit: int) -> tuple[Suspect, ...]:
        """Runs and attempts whose state and end contradict each other, or that are resolved but were not
        lost.
        """
        ...

    def misnumbered(self, *, limit: int) -> tuple[Suspect, ...]:
        """Runs whose attempt numbers have a hole, or of which an attempt that is
        not the last one is alive.
        """
        ...

    def executed_twice(self, *, limit: int) -> tuple[Suspect, ...]:
        """Runs with a lost attempt that turned out to have executed, although a later attempt had started."""
        ...

    def unproven(self, *, limit: int) -> tuple[Suspect, ...]:
        """Runs that are recorded as succeeded without a successful attempt."""
        ...

    def ownerless(self, *, limit: int) -> tuple[Suspect, ...]:
        """Open runs that no loop will ever change: they have no live attempt and no time of a retry."""
        ...

    def overdue(self, *, before: datetime, limit: int) -> tuple[Run, ...]:
        """Runs that were due before an instant, and that nothing blocks, but that are unchanged."""
        ...

    def last_states(self) -> tuple[LastState, ...]:
        """For each run state, the states of the last attempts ('' for none), with counts and an example."""
        ...

    def crowds(self, *, limit: int) -> tuple[Crowd, ...]:
        """Concurrency keys with more active runs than the highest limit of those runs allows."""
        ...

    def queue_crowds(self, *, limit: int) -> tuple[QueueCrowd, ...]:
        """Queues with more runs that hold a slot than they have slots, or had when one of these started."""
        ...

    def unreadable_rows(self) -> Iterator[Unreadable]:
        """The unreadable rows of all tables, read lazily."""
        ...


class Soundness(Standing, Holds, Contents, Contradictions, Protocol):
    """Everything that a check of the ledger reads."""
