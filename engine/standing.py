"""The ledger's two smaller ports: jobs that are paused, and what happened to the engine itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from datetime import datetime

    from engine.records import Incident, Pause


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

    def hold(self) -> Incident | None:
        """The clock that is not believed, if it is not."""
        ...

    def begin_hold(self, *, detail: str, now: datetime) -> None:
        """The clock is not believed."""
        ...

    def end_hold(self, *, by: str, now: datetime) -> None:
        """The clock is believed again."""
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
