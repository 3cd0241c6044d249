"""The ledger's smaller ports: pauses, what happened to the engine, what is owed, what is past, soundness."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from engine.core.records import CLOCK_HOLD

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from contextlib import AbstractContextManager
    from datetime import datetime

    from engine.core.lifecycle import Attempt, Ended, Run, RunState
    from engine.core.records import (
        Audited,
        Backlog,
        Crowd,
        Gap,
        Incident,
        LastState,
        LiveAttempt,
        Owed,
        Pause,
        Schedule,
        Session,
        SetKey,
        Suspect,
        Tally,
        Unreadable,
    )


class Pauses(Protocol):
    """Jobs that do not run on their schedules for a while."""

    def add(self, pause: Pause) -> None:
        """A job is paused."""
        ...

    def end(self, job: str, *, by: str, now: datetime) -> int:
        """A job goes on; the number of pauses that this ended."""
        ...

    def between(self, job: str | None, *, since: datetime, until: datetime) -> tuple[Pause, ...]:
        """Pauses that were in force at some time in a window, oldest first; of one job or of all."""
        ...

    def last_resume(self, job: str) -> datetime | None:
        """When a pause of the job ended last."""
        ...


class Incidents(Protocol):
    """What happened to the engine and not to one job, and the clock that it follows."""

    def note(
        self, kind: str, *, began_at: datetime, detail: str, occurrences: int, jobs: int, now: datetime
    ) -> None:
        """Something happened from `began_at` until now; noted again, it grows."""
        ...

    def hold(self, kind: str = CLOCK_HOLD) -> Incident | None:
        """What holds the engine back, if it does: the clock, an older ledger, a full disk."""
        ...

    def begin_hold(self, kind: str = CLOCK_HOLD, *, detail: str, now: datetime) -> None:
        """From now on the engine is held back."""
        ...

    def end_hold(self, kind: str = CLOCK_HOLD, *, by: str, now: datetime) -> None:
        """The engine is held back no more."""
        ...

    def accept_hold(self, *, actor: str) -> bool:
        """A person says that the clock is right; False when it was believed anyway."""
        ...

    def recent(self, *, limit: int) -> tuple[Incident, ...]:
        """What happened to the engine, the newest first."""
        ...

    def clock_epoch(self) -> int:
        """How often a clock that had run wrongly was set right by a person."""
        ...

    def wait_until(self, run: Run, at: datetime) -> bool:
        """A run whose time to start came from a wrong clock waits until another."""
        ...

    def rewind(self, *, now: datetime) -> None:
        """A wrong clock has named instants to come: the schedules in force begin anew, in the next epoch."""
        ...


class Outbox(Protocol):
    """Notifications that are owed: noted with what they tell of, sent at least once, in order per job."""

    def add(self, owed: Owed) -> None:
        """A notification is owed; the same one twice is one."""
        ...

    def due(self, *, now: datetime, limit: int) -> tuple[Owed, ...]:
        """What may be tried now: of each job and channel only the oldest."""
        ...

    def sent(self, id: str, *, now: datetime) -> None:
        """It was delivered."""
        ...

    def failed(self, id: str, *, error: str, next_try_at: datetime) -> None:
        """It could not be delivered and is tried again."""
        ...

    def drop_sent(self, *, before: datetime) -> int:
        """Forget what was delivered long ago; how many."""
        ...


class Past(Protocol):
    """Runs that are over: late evidence of lost ones, and what retention takes away."""

    def attempt(self, run_id: str, number: int) -> Attempt | None:
        """One attempt as the ledger knows it."""
        ...

    def lost_attempts(self, *, since: datetime, limit: int) -> tuple[Attempt, ...]:
        """Attempts that ended after an instant and whose end nobody saw."""
        ...

    def resolve(self, attempt: Attempt, ended: Ended, *, state: RunState, detail: str) -> bool:
        """The end of a lost attempt was found: once. True when that says how its run ended."""
        ...

    def prunable(self, *, before: datetime, limit: int, job: str | None = None) -> tuple[Run, ...]:
        """Runs that were over before an instant and may be taken away, oldest first; of one job or all."""
        ...

    def crowded(self, *, keep: int) -> tuple[tuple[str, datetime], ...]:
        """Jobs with more runs than are kept, each with the instant of the oldest that is."""
        ...

    def prune(self, runs: Sequence[Run], *, now: datetime) -> tuple[Run, ...]:
        """Take runs away; a gap record or a number goes on saying what became of each. Those gone."""
        ...

    def recorded_after(self, seq: int, *, before: datetime, limit: int) -> tuple[tuple[int, Run], ...]:
        """Runs that were recorded after another, and before an instant, with their places in the order."""
        ...

    def newest_audit(self) -> tuple[int, str]:
        """The number and the hash of the audit's newest record; 0 and nothing when it has none."""
        ...

    def audit_after(self, seq: int, *, limit: int) -> tuple[tuple[int, Audited], ...]:
        """Lines of the audit after one, oldest first, with their numbers."""
        ...

    def fact(self, key: str, *, default: str) -> str:
        """A fact about the ledger, as it was noted last."""
        ...

    def number(self, key: str) -> int:
        """A fact that is a number; 0 when none was noted, or something else."""
        ...

    def note(self, key: str, value: str) -> None:
        """Write a fact about the ledger."""
        ...


class Soundness(Protocol):
    """What a check of the ledger itself reads: whole sets in their order, rows that contradict each other."""

    def snapshot(self) -> AbstractContextManager[None]:
        """Everything that is read inside is of one moment, whatever an engine writes meanwhile."""
        ...

    def tally(self) -> Tally:
        """How much the ledger holds."""
        ...

    def set_keys(self) -> tuple[SetKey, ...]:
        """Every set of occurrences that a schedule or a run names."""
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

    def half_ended(self, *, limit: int) -> tuple[Suspect, ...]:
        """Runs and attempts whose state and end contradict each other, or that were resolved and not lost."""
        ...

    def misnumbered(self, *, limit: int) -> tuple[Suspect, ...]:
        """Runs whose attempts are not numbered without a hole, or of which another than the last is alive."""
        ...

    def executed_twice(self, *, limit: int) -> tuple[Suspect, ...]:
        """Runs of which a lost attempt turned out to have ended, after another had started."""
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
        """In which state the last attempt of the runs in each state stands; '' for none."""
        ...

    def crowds(self, *, limit: int) -> tuple[Crowd, ...]:
        """Concurrency keys with more active runs than any of them was allowed beside itself."""
        ...

    def sessions(self) -> Iterator[Session]:
        """Every session in the order of its epoch."""
        ...

    def newest_epoch(self) -> int:
        """The epoch of the session that started last, an engine's or a single run's."""
        ...

    def clock_epoch(self) -> int:
        """How often a clock that had run wrongly was set right by a person."""
        ...

    def max_covered_until(self) -> datetime | None:
        """How far the ledger has accounted for time."""
        ...

    def covered_in_force(self) -> datetime | None:
        """How far the schedules in force have accounted for time."""
        ...

    def schedules_in_force(self) -> tuple[Schedule, ...]:
        """Every schedule in force."""
        ...

    def live_attempts(self) -> tuple[LiveAttempt, ...]:
        """Attempts without an end, oldest first."""
        ...

    def newest_intent(self) -> datetime | None:
        """When an attempt was committed to last."""
        ...

    def hold(self, kind: str) -> Incident | None:
        """What holds the engine back, if it does: the clock, an older ledger, a full disk."""
        ...

    def tzdata_versions(self) -> tuple[str, ...]:
        """The zone rules that generations were applied with, those of the one in force first."""
        ...

    def backlog(self) -> Backlog:
        """Notifications that nobody has delivered."""
        ...

    def unreadable_rows(self) -> Iterator[Unreadable]:
        """Every row of every table that cannot be read, read one after the other."""
        ...

    def run_ids(self) -> Iterator[str]:
        """Every run's id in order."""
        ...
