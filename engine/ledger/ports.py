"""The reading ports of a ledger: one for each kind of question. A view implements all of them.

All times are aware datetimes in UTC. A run is for its nominal time, `scheduled_for`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from datetime import datetime, timedelta

    from engine.core.artifacts import KeptArtifact
    from engine.core.audit_chain import Link
    from engine.core.lifecycle import Attempt, Run, RunState, States
    from engine.core.records import (
        Applied,
        Audited,
        Backfill,
        Definition,
        Gap,
        Generation,
        Incident,
        JobVersion,
        Notification,
        Output,
        Pause,
        Rejection,
        Schedule,
        Session,
        Source,
        StateCount,
        Unreadable,
        Watched,
    )
    from engine.core.step_states import StepRun
    from engine.ledger.access_ports import Granted
    from engine.ledger.following_ports import Followed
    from engine.ledger.host_ports import HostsView, Outputs
    from engine.ledger.late_ports import LateHistory
    from engine.ledger.slot_ports import Slots
    from engine.ledger.soundness_ports import Soundness
    from engine.ledger.total_ports import Totals
    from engine.ports import Pieces


class Opened(Protocol):
    """An open ledger, and its rows that could not be read."""

    def close(self) -> None:
        """Close the ledger."""
        ...

    @property
    def unreadable(self) -> Sequence[Unreadable]:
        """The unreadable rows found so far, in the order in which they were found."""
        ...


class Collecting(Protocol):
    """What attempts on other hosts wrote and kept."""

    @property
    def pieces(self) -> Outputs | None:
        """It; None in a ledger that hosts cannot share."""
        ...


class Current(Protocol):
    """The runs that are open and the jobs that are in force now."""

    def run(self, run_id: str) -> Run | None:
        """A run by its full id; None when there is none."""
        ...

    def open_runs(self) -> tuple[Run, ...]:
        """Runs in no final state, oldest first."""
        ...

    def runs_of(self, occurrence: str) -> tuple[Run, ...]:
        """The runs of an occurrence with a matrix, and their manual retries, as recorded."""
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

        A store returns None when its row is unreadable, because the clock is compared with it.
        """
        ...


class Details(Protocol):
    """What is recorded about one run besides its row."""

    def attempts(self, run_id: str) -> tuple[Attempt, ...]:
        """The attempts of a run, by number."""
        ...

    def steps(self, run_id: str) -> tuple[StepRun, ...]:
        """The decided steps of a run and their items, by name and item."""
        ...

    def outputs(self, run_id: str) -> tuple[Output, ...]:
        """The outputs of a run, by step, item and name."""
        ...

    def artifacts(self, run_id: str) -> tuple[KeptArtifact, ...]:
        """The artifacts of a run, in the order in which they were recorded."""
        ...

    def notifications(self, run_id: str) -> tuple[Notification, ...]:
        """The notifications about a run, and whether they were delivered, oldest first."""
        ...

    def undelivered(self, *, limit: int) -> tuple[Notification, ...]:
        """Notifications that wait or were given up, newest first."""
        ...


class History(Details, Protocol):
    """The runs of the past, the occurrences that did not run, and what was in force at the time."""

    def runs_with_prefix(self, prefix: str) -> tuple[Run, ...]:
        """At most two runs whose id starts with `prefix`: two show that it is ambiguous."""
        ...

    def recent_runs(self, *, job: str | None, state: States, limit: int) -> tuple[Run, ...]:
        """The runs recorded last, newest first; `state` is one state, several, or None for any."""
        ...

    def runs_between(self, job: str, *, since: datetime, until: datetime, limit: int) -> tuple[Run, ...]:
        """Runs of a job for times in [since, until), newest first."""
        ...

    def newest_run(self, job: str, *, until: datetime) -> Run | None:
        """The run of a job for the latest time, at or before `until`."""
        ...

    def retries_of(self, run_id: str) -> tuple[Run, ...]:
        """Manual retries of this run, oldest first."""
        ...

    def retries_between(self, *, since: datetime, until: datetime) -> tuple[Run, ...]:
        """Manual retries of any run, for times in [since, until), oldest first."""
        ...

    def lengths(self, job: str, *, limit: int) -> tuple[timedelta, ...]:
        """Durations of the job's newest runs that succeeded at the first attempt, newest first."""
        ...

    def count_runs(self, *, since: datetime, until: datetime) -> tuple[StateCount, ...]:
        """Runs for times in [since, until), counted by job, kind and state; in no particular order.

        Runs of a matrix are left out: they count by occurrence.
        """
        ...

    def pruned_requests(self, job: str, *, since: datetime, until: datetime) -> Mapping[RunState, int]:
        """Manual runs of a job in [since, until) that retention deleted: their number by state."""
        ...

    def gaps_between(self, job: str | None, *, since: datetime, until: datetime) -> tuple[Gap, ...]:
        """Gap records that overlap [since, until], oldest first; of one job, or of all for None."""
        ...

    def schedules_between(self, job: str | None, *, since: datetime, until: datetime) -> tuple[Schedule, ...]:
        """Schedules in force at some time in the window, by job, then oldest first; None for all jobs."""
        ...

    def pauses_between(self, job: str | None, *, since: datetime, until: datetime) -> tuple[Pause, ...]:
        """Pauses in force at some time in the window, oldest first; of one job, or of all for None."""
        ...


class Overview(Protocol):
    """Many jobs at once: each method is one query, however many jobs there are."""

    def newest_definitions(self) -> tuple[Definition, ...]:
        """The newest definition of each job that was ever applied or run, by job. An altered one is left
        out.
        """
        ...

    def last_runs(self, jobs: Sequence[str], *, limit: int) -> tuple[Run, ...]:
        """The newest runs of each of these jobs, at most `limit` of each, by job, then oldest first.

        Manual retries are left out. Of a job with a schedule in force, only the runs of a schedule count.
        """
        ...

    def last_gaps(self, jobs: Sequence[str], *, limit: int) -> tuple[Gap, ...]:
        """The newest gap records of each of these jobs, at most `limit` of each, by job, oldest first."""
        ...

    def runs_in(
        self, *, since: datetime, until: datetime, jobs: Collection[str] | None, state: States, limit: int
    ) -> tuple[Run, ...]:
        """Runs for times in [since, until), newest first: of these jobs or of all, in these states or any."""
        ...

    def key_holder(self, job: str, key: str, *, now: datetime) -> str:
        """The id of the run of a job that an idempotency key belongs to; empty if it is free."""
        ...

    def matrix_runs(self, job: str | None, *, since: datetime, until: datetime) -> Iterator[Run]:
        """Runs of a matrix for times in [since, until), in the order of these times, then as recorded; read
        lazily. Of one job, or of all for None.
        """
        ...


class Generations(Protocol):
    """Which jobs were in force when, and how they were defined."""

    def generation(self, number: int) -> Generation | None:
        """A generation by its number."""
        ...

    def generations(self, *, limit: int) -> tuple[Applied, ...]:
        """Generations, newest first, each with the numbers of jobs that it added, changed and removed."""
        ...

    def generation_of_plan(self, plan_id: str) -> int | None:
        """The number of the generation that applying a plan made; None when the plan was not applied."""
        ...

    def lineage(self) -> str:
        """The unique id of this ledger."""
        ...

    def source(self) -> Source:
        """Where the engine that started last reads its jobs: files or a git revision."""
        ...

    def watched(self) -> list[Watched]:
        """The folders that the engine that started last watches for files, as it found them."""
        ...

    def jobs_at(self, number: int) -> tuple[JobVersion, ...]:
        """The jobs of a generation, by name."""
        ...

    def job_versions(self, job: str) -> tuple[JobVersion, ...]:
        """All versions of a job, oldest first."""
        ...

    def definition_text(self, digest: str) -> str | None:
        """The canonical text of a compiled job; None when it is missing, or was
        altered since it was applied.
        """
        ...


class EngineHistory(Protocol):
    """Sessions and incidents of the engine, file sets it rejected, and actions of users."""

    def session_before(self, at: datetime) -> Session | None:
        """The last session that started at or before `at`."""
        ...

    def session_after(self, at: datetime) -> Session | None:
        """The first session that started after `at`."""
        ...

    def recent_incidents(self, *, limit: int) -> tuple[Incident, ...]:
        """Incidents, newest first."""
        ...

    def open_rejection(self) -> Rejection | None:
        """The current rejection: the newest file set has errors. None when it is good."""
        ...

    def rejections_between(self, *, since: datetime, until: datetime) -> tuple[Rejection, ...]:
        """Rejections that were open at some time in the window, oldest first."""
        ...

    def audit_of(self, object: str) -> tuple[Audited, ...]:
        """The audit records about an object, oldest first."""
        ...

    def recent_audit(self, *, limit: int) -> tuple[tuple[int, Audited], ...]:
        """The newest audit records, each with its number, newest first."""
        ...

    def audit_links(self) -> Iterator[Link]:
        """The whole audit with its hashes, oldest first, read lazily."""
        ...

    def set_aside(self) -> tuple[str, ...]:
        """Descriptions of the unreadable rows that the engine set aside."""
        ...


class BackfillHistory(Protocol):
    """Requests to run past occurrences."""

    def backfills(self, job: str | None, *, limit: int) -> tuple[Backfill, ...]:
        """The newest backfills of a job, or of all for None, newest first."""
        ...

    def results_of(self, backfill: Backfill) -> Mapping[RunState, int]:
        """The occurrences of a backfill that have a run, counted by state."""
        ...


class View(Opened, Current, History, Overview, Generations, EngineHistory, BackfillHistory, Protocol):
    """Everything that answers read. A view works while an engine writes, and without an engine."""

    soundness: Soundness
    lateness: LateHistory
    following: Followed
    access: Granted
    totals: Totals

    @property
    def pieces(self) -> Pieces | None:
        """What attempts on other hosts wrote and kept; None in a ledger that hosts cannot share."""
        ...

    @property
    def hosts(self) -> HostsView | None:
        """The hosts; None for a ledger that hosts cannot share."""
        ...

    @property
    def slots(self) -> Slots:
        """Runs counted by slots of time."""
        ...
