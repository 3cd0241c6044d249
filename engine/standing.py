"""The ledger's smaller ports: paused jobs, what happened to the engine, what is owed, what is past."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from engine.records import CLOCK_HOLD

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from engine.lifecycle import Attempt, Ended, Run, RunState
    from engine.records import Incident, Owed, Pause


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

    def prune(self, runs: Sequence[Run], *, now: datetime) -> None:
        """Take runs away; a gap record or a number goes on saying what became of each."""
        ...

    def recorded_after(self, seq: int, *, before: datetime, limit: int) -> tuple[tuple[int, Run], ...]:
        """Runs that were recorded after another, and before an instant, with their places in the order."""
        ...

    def fact(self, key: str, *, default: str) -> str:
        """A fact about the ledger, as it was noted last."""
        ...

    def note(self, key: str, value: str) -> None:
        """Write a fact about the ledger."""
        ...
