"""What callers that read ask of a ledger: each port is one kind of question, and a view answers all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime, timedelta

    from engine.core.audit_chain import Link
    from engine.core.lifecycle import Attempt, Run, RunState, States
    from engine.core.records import (
        Applied,
        Audited,
        Gap,
        Generation,
        Incident,
        JobVersion,
        Pause,
        Rejection,
        Schedule,
        Session,
        Source,
        StateCount,
        Unreadable,
    )
    from engine.ledger.soundness_ports import Soundness


class Opened(Protocol):
    """A ledger that is open, and what of it could not be read."""

    def close(self) -> None:
        """Close the ledger."""
        ...

    @property
    def unreadable(self) -> Sequence[Unreadable]:
        """The rows met so far that cannot be read, in the order in which they were met."""
        ...


class Current(Protocol):
    """What is open and in force now."""

    def run(self, run_id: str) -> Run | None:
        """One run as it is now."""
        ...

    def open_runs(self) -> tuple[Run, ...]:
        """Runs that are not over, oldest first."""
        ...

    def current_generation(self) -> Generation | None:
        """The generation in force."""
        ...

    def jobs_in_force(self) -> tuple[JobVersion, ...]:
        """The jobs of the generation in force, by name."""
        ...

    def job_in_force(self, job: str) -> JobVersion | None:
        """One job of the generation in force."""
        ...

    def last_session(self) -> Session | None:
        """The engine session that started last.

        A store gives none that cannot be read: the clock is compared with it.
        """
        ...


class History(Protocol):
    """What ran, what did not, and what was in force at the time."""

    def runs_with_prefix(self, prefix: str) -> tuple[Run, ...]:
        """At most two runs whose id starts so."""
        ...

    def recent_runs(self, *, job: str | None, state: States, limit: int) -> tuple[Run, ...]:
        """The runs recorded last, newest first; in one state, in some, or in any."""
        ...

    def runs_between(self, job: str, *, since: datetime, until: datetime, limit: int) -> tuple[Run, ...]:
        """Runs of a job wanted in [since, until), newest first."""
        ...

    def newest_run(self, job: str, *, until: datetime) -> Run | None:
        """The run of a job that was wanted last, up to an instant."""
        ...

    def retries_of(self, run_id: str) -> tuple[Run, ...]:
        """Runs that a person asked for to make up for this one, oldest first."""
        ...

    def retries_between(self, *, since: datetime, until: datetime) -> tuple[Run, ...]:
        """Runs wanted in [since, until) that a person asked for to make up for another, oldest first."""
        ...

    def attempts(self, run_id: str) -> tuple[Attempt, ...]:
        """The attempts of a run in order."""
        ...

    def lengths(self, job: str, *, limit: int) -> tuple[timedelta, ...]:
        """How long the newest successful runs of a job took that needed one attempt, the newest first."""
        ...

    def count_runs(self, *, since: datetime, until: datetime) -> tuple[StateCount, ...]:
        """Runs wanted in [since, until), counted by job, kind and state; in no order."""
        ...

    def pruned_requests(self, job: str, *, since: datetime, until: datetime) -> Mapping[RunState, int]:
        """Runs of a job that people asked for in [since, until) and retention took away, by state."""
        ...

    def gaps_between(self, job: str | None, *, since: datetime, until: datetime) -> tuple[Gap, ...]:
        """Gap records that touch a window, oldest first; of one job or of all."""
        ...

    def schedules_between(self, job: str | None, *, since: datetime, until: datetime) -> tuple[Schedule, ...]:
        """Schedules in force at some time in a window, by job, then oldest first; of one job or of all."""
        ...

    def pauses_between(self, job: str | None, *, since: datetime, until: datetime) -> tuple[Pause, ...]:
        """Pauses that were in force at some time in a window, oldest first; of one job or of all."""
        ...


class Generations(Protocol):
    """Which jobs were in force when, and how they were defined."""

    def generation(self, number: int) -> Generation | None:
        """One generation."""
        ...

    def generations(self, *, limit: int) -> tuple[Applied, ...]:
        """The newest generations first, each with what it changed."""
        ...

    def generation_of_plan(self, plan_id: str) -> int | None:
        """The generation that a plan made, if it was used."""
        ...

    def lineage(self) -> str:
        """The name of this ledger, which no other has."""
        ...

    def source(self) -> Source:
        """Where the engine that started last takes its jobs from."""
        ...

    def jobs_at(self, number: int) -> tuple[JobVersion, ...]:
        """The jobs as a generation had them, by name."""
        ...

    def job_versions(self, job: str) -> tuple[JobVersion, ...]:
        """All versions of a job, oldest first."""
        ...

    def definition_text(self, digest: str) -> str | None:
        """The canonical text of a compiled job; None when it is not kept, or is not the one applied."""
        ...


class EngineHistory(Protocol):
    """What happened to the engine, what it refused, and what people did."""

    def session_before(self, at: datetime) -> Session | None:
        """The last session that had started by an instant."""
        ...

    def session_after(self, at: datetime) -> Session | None:
        """The first session that started after an instant."""
        ...

    def recent_incidents(self, *, limit: int) -> tuple[Incident, ...]:
        """What happened to the engine, the newest first."""
        ...

    def open_rejection(self) -> Rejection | None:
        """The set of files that is being refused, if there is one."""
        ...

    def rejections_between(self, *, since: datetime, until: datetime) -> tuple[Rejection, ...]:
        """Refusals that were in force in a window, oldest first."""
        ...

    def audit_of(self, object: str) -> tuple[Audited, ...]:
        """What was done about an object, oldest first."""
        ...

    def recent_audit(self, *, limit: int) -> tuple[tuple[int, Audited], ...]:
        """What was done last, the newest first, with the numbers of the records."""
        ...

    def audit_links(self) -> Iterator[Link]:
        """The whole audit with its hashes, oldest first, read one after the other."""
        ...

    def set_aside(self) -> tuple[str, ...]:
        """The rows that the engine met and cannot read, in words."""
        ...


class View(Opened, Current, History, Generations, EngineHistory, Protocol):
    """Everything that answers read. It works while an engine writes, and without one."""

    soundness: Soundness
