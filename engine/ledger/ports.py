"""The ledger as the engine sees it: one port for the loops that write, one for the answers that read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager
    from datetime import datetime, timedelta

    from engine.core.audit_chain import Link
    from engine.core.lifecycle import Attempt, Outcome, Run, RunState, States, Verdict
    from engine.core.records import (
        Applied,
        Audited,
        Gap,
        Generation,
        Incident,
        JobVersion,
        LiveAttempt,
        Pause,
        Rejection,
        Schedule,
        Session,
        Source,
        StateCount,
        Unreadable,
    )
    from engine.ledger.side_ports import Incidents, Outbox, Past, Pauses, Soundness
    from engine.ports import Stop
    from jobfile.model.catalog import CompiledJob
    from jobfile.model.jobs import JobSpec, Origin


class Store(Protocol):
    """What the loops write, and read to decide. Every write runs inside `transaction()`."""

    pauses: Pauses
    incidents: Incidents
    outbox: Outbox
    past: Past

    def close(self) -> None:
        """Give the file back."""
        ...

    def transaction(self) -> AbstractContextManager[None]:
        """Everything inside becomes true at once, or nothing does."""
        ...

    def open_session(
        self,
        *,
        kind: str,
        boot_id: str,
        pid: int,
        version: str,
        now: datetime,
        boot_seconds: float,
        at_least: int = 0,
    ) -> int:
        """Take the next engine epoch, and not less; every later write of an older engine is refused."""
        ...

    def newest_epoch(self) -> int:
        """The epoch of the engine that started last; 0 when none ever has."""
        ...

    def verify(self) -> None:
        """Refuse a damaged ledger: it must stop the engine, not start it on half of the truth."""
        ...

    def touch_session(self, *, epoch: int, now: datetime, boot_seconds: float) -> None:
        """Note that the engine was alive at `now`, so long after the boot."""
        ...

    def close_session(self, *, epoch: int, now: datetime, boot_seconds: float | None, reason: str) -> None:
        """Note that the engine ended in order, and both clocks; None while they are not believed."""
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

    def add_generation(self, generation: Generation, *, tzdata_version: str, cron_semantics: int) -> int:
        """Write a new generation; its number is the next one, whatever the value says."""
        ...

    def end_job(self, job: str, *, generation: int) -> None:
        """From this generation on the job is another, or none."""
        ...

    def add_job(self, job: CompiledJob, *, generation: int) -> None:
        """From this generation on the job means this."""
        ...

    def move_job(self, job: str, origin: Origin) -> None:
        """The same job is now written at another place."""
        ...

    def add_definition(self, job: CompiledJob) -> None:
        """Keep a compiled job, once for each meaning."""
        ...

    def definition(self, digest: str) -> JobSpec:
        """The compiled job with this digest; the defaults in the place of one that cannot be read."""
        ...

    def definition_trouble(self, digest: str) -> str:
        """Why the job with this digest cannot be read, and so is not executed; empty when it can."""
        ...

    @property
    def unreadable(self) -> Sequence[Unreadable]:
        """The rows met so far that cannot be read, in the order in which they were met."""
        ...

    def set_aside(self, found: Unreadable, *, is_over: bool, now: datetime) -> bool:
        """End a run that cannot be read, as lost; one whose attempt may be alive only when that `is_over`."""
        ...

    def look_over(self) -> None:
        """Read all that is open and in force, so that what of it cannot be read is met before it is due."""
        ...

    def schedules_in_force(self) -> tuple[Schedule, ...]:
        """Every schedule in force, with the digest its next run would use."""
        ...

    def schedule_in_force(self, job: str, schedule_key: str) -> Schedule | None:
        """The schedule of a job in force, as it is now."""
        ...

    def add_schedule(self, spec: JobSpec, *, schedule_key: str, generation: int, now: datetime) -> None:
        """A schedule comes into force; nothing before `now` is due."""
        ...

    def end_schedule(self, schedule_id: int, *, at: datetime, because: str) -> None:
        """A schedule goes out of force; nothing after `at` is due."""
        ...

    def advance_coverage(self, schedule_id: int, *, to: datetime) -> None:
        """Every occurrence up to `to` is accounted for."""
        ...

    def add_run(self, run: Run) -> None:
        """Record a run, or that it was not made."""
        ...

    def add_gap(
        self,
        schedule: Schedule,
        *,
        first_at: datetime,
        last_at: datetime,
        count: int,
        state: RunState,
        reason: str,
        detail: str,
        generation: int,
        now: datetime,
    ) -> None:
        """Record many occurrences in a row that did not run; a record that they continue grows."""
        ...

    def count_in_the_way(self, concurrency_key: str, *, at_most: int) -> tuple[int, int]:
        """How many runs with a concurrency key are active and how many wait, each counted up to a number.

        One whose spread has not passed is in nobody's way.
        """
        ...

    def runs_in_the_way(self, concurrency_key: str, *, limit: int | None = None) -> tuple[Run, ...]:
        """The runs that are counted so: the active ones, then those that wait, each oldest first."""
        ...

    def waiting_of_job(self, job: str) -> tuple[Run, ...]:
        """Runs of a job that wait: to start, or to be tried again."""
        ...

    def end_waiting(self, run_id: str, *, state: RunState, reason: str, detail: str, now: datetime) -> bool:
        """End a queued run that will not start."""
        ...

    def request_stop(self, run_id: str, how: Stop, *, reason: str, detail: str, now: datetime) -> bool:
        """Cancel what has no process at once; ask a running one to end. False when the run is over."""
        ...

    def undecided(self, *, now: datetime, limit: int) -> tuple[Run, ...]:
        """Runs whose spread has passed, about which nothing is decided yet."""
        ...

    def next_undecided(self) -> datetime | None:
        """When the next spread has passed."""
        ...

    def decide(self, run: Run) -> bool:
        """Write what was decided about a run whose spread has passed."""
        ...

    def expire_waiting(self, *, now: datetime) -> tuple[Run, ...]:
        """End the waiting runs that could not start in time."""
        ...

    def repin(self, run: Run) -> None:
        """A waiting run takes another definition, and the params and the key that follow from it."""
        ...

    def startable(self, *, now: datetime, limit: int, is_catchup: bool) -> tuple[Run, ...]:
        """Runs that may start now, oldest first: those on time, or those that are made up for."""
        ...

    def start(self, run: Run, *, boot_id: str, now: datetime) -> bool:
        """Commit to one more attempt of a run, if its state and its limit still allow it."""
        ...

    def next_wake(self, *, now: datetime) -> datetime | None:
        """The earliest instant after now at which a waiting run may start."""
        ...

    def live_attempts(self) -> tuple[LiveAttempt, ...]:
        """Attempts without an end, oldest first."""
        ...

    def mark_running(self, attempt: Attempt, *, started_at: datetime) -> None:
        """The execution of an attempt is proven."""
        ...

    def settle(self, run: Run, verdict: Verdict, outcome: Outcome) -> bool:
        """Make a verdict true. False when it was settled, cancelled or renamed since `run` was read."""
        ...

    def run(self, run_id: str) -> Run | None:
        """One run as it is now."""
        ...

    def open_runs(self) -> tuple[Run, ...]:
        """Runs that are not over, oldest first."""
        ...

    def last_success(self, job: str, *, before: datetime) -> datetime | None:
        """When a job last succeeded before an instant."""
        ...

    def newest_ends(self, job: str, *, since: datetime, limit: int) -> tuple[RunState, ...]:
        """How the runs of a job ended that ran to an end after an instant, the newest first."""
        ...

    def newest_occurrences(self, job: str, *, limit: int) -> tuple[Run, ...]:
        """The newest runs of a job that its schedule wanted, the newest first."""
        ...

    def knows_job(self, job: str) -> bool:
        """Whether any generation had a job of this name."""
        ...

    def rename_job(self, old: str, new: str) -> None:
        """History, coverage and pauses of a job go with its new name."""
        ...

    def reject(self, *, digest: str, diagnostics: Sequence[str], now: datetime) -> None:
        """A set of files is refused; one open refusal at a time."""
        ...

    def accept(self, *, now: datetime) -> bool:
        """The files are good; True when they were refused before."""
        ...

    def audit(self, *, actor: str, action: str, object: str, detail: str, now: datetime) -> None:
        """Add one line to the audit."""
        ...

    def max_covered_until(self) -> datetime | None:
        """How far the ledger has accounted for time."""
        ...

    def covered_in_force(self) -> datetime | None:
        """How far the schedules in force have accounted for time."""
        ...

    def last_session(self) -> Session | None:
        """The engine session that started last."""
        ...


class View(Protocol):
    """What the answers read; works while an engine writes, and without one."""

    soundness: Soundness

    def close(self) -> None:
        """Give the file back."""
        ...

    @property
    def unreadable(self) -> Sequence[Unreadable]:
        """The rows that cannot be read and were met on the way to an answer, in that order."""
        ...

    def set_aside(self) -> tuple[str, ...]:
        """The rows that the engine met and cannot read, in words."""
        ...

    def run(self, run_id: str) -> Run | None:
        """One run."""
        ...

    def runs_with_prefix(self, prefix: str) -> tuple[Run, ...]:
        """At most two runs whose id starts so."""
        ...

    def recent_runs(self, *, job: str | None, state: States, limit: int) -> tuple[Run, ...]:
        """The runs recorded last, newest first; in one state, in some, or in any."""
        ...

    def open_runs(self) -> tuple[Run, ...]:
        """Runs that are not over, oldest first."""
        ...

    def lengths(self, job: str, *, limit: int) -> tuple[timedelta, ...]:
        """How long the newest good runs of a job took that needed one attempt, the newest first."""
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

    def count_runs(self, *, since: datetime, until: datetime) -> tuple[StateCount, ...]:
        """Runs wanted in [since, until), counted by job, kind and state."""
        ...

    def pruned_requests(self, job: str, *, since: datetime, until: datetime) -> Mapping[RunState, int]:
        """Runs of a job that people asked for in [since, until) and retention took away, by state."""
        ...

    def gaps_between(self, job: str | None, *, since: datetime, until: datetime) -> tuple[Gap, ...]:
        """Gap records that touch a window; of one job or of all."""
        ...

    def schedules_between(self, job: str | None, *, since: datetime, until: datetime) -> tuple[Schedule, ...]:
        """Schedules in force at some time in a window; of one job or of all."""
        ...

    def current_generation(self) -> Generation | None:
        """The generation in force."""
        ...

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
        """What tells this ledger from every other."""
        ...

    def source(self) -> Source:
        """Where the engine that started last takes its jobs from."""
        ...

    def jobs_at(self, number: int) -> tuple[JobVersion, ...]:
        """The jobs as a generation had them, by name."""
        ...

    def jobs_in_force(self) -> tuple[JobVersion, ...]:
        """The jobs of the generation in force, by name."""
        ...

    def job_in_force(self, job: str) -> JobVersion | None:
        """One job of the generation in force."""
        ...

    def job_versions(self, job: str) -> tuple[JobVersion, ...]:
        """All versions of a job, oldest first."""
        ...

    def definition_text(self, digest: str) -> str | None:
        """The canonical text of a compiled job; None when it is not kept, or is not the one applied."""
        ...

    def last_session(self) -> Session | None:
        """The engine session that started last."""
        ...

    def session_before(self, at: datetime) -> Session | None:
        """The last session that had started by an instant."""
        ...

    def session_after(self, at: datetime) -> Session | None:
        """The first session that started after an instant."""
        ...

    def pauses_between(self, job: str | None, *, since: datetime, until: datetime) -> tuple[Pause, ...]:
        """Pauses that were in force at some time in a window, oldest first; of one job or of all."""
        ...

    def recent_incidents(self, *, limit: int) -> tuple[Incident, ...]:
        """What happened to the engine, the newest first."""
        ...

    def open_rejection(self) -> Rejection | None:
        """The set of files that is being refused, if there is one."""
        ...

    def rejections_between(self, *, since: datetime, until: datetime) -> tuple[Rejection, ...]:
        """Refusals that were in force in a window."""
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
