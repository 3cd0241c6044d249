"""The writing ports of a ledger: one for each caller. A store implements all of them.

Every method that writes must be called inside `transaction()`. The bases of a port are the ports that it
includes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from engine.core.records import CLOCK_HOLD
from engine.ledger.ports import Collecting, Current, Opened
from engine.ledger.soundness_ports import Holds, Standing

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager
    from datetime import datetime

    from engine.core.lifecycle import Attempt, Outcome, Run, RunState, Verdict
    from engine.core.records import (
        Generation,
        Incident,
        Pause,
        Schedule,
        Unreadable,
    )
    from engine.ledger.access_ports import Granting
    from engine.ledger.event_ports import Backfills, Keys, Outbox, TriggerEvents
    from engine.ledger.following_ports import Following
    from engine.ledger.host_ports import Hosts
    from engine.ledger.late_ports import Lateness
    from engine.ledger.past_ports import Artifacts, Past
    from engine.ledger.step_ports import Steps
    from engine.ports import Stop
    from jobfile.model.catalog import CompiledJob
    from jobfile.model.jobs import JobSpec, Origin, QueueSpec, ScheduleEntry


class Pauses(Protocol):
    """Pauses: while one is in force, a job does not run on its schedules."""

    def add(self, pause: Pause) -> None:
        """Record a new pause of a job."""
        ...

    def end(self, job: str, *, by: str, now: datetime) -> int:
        """Resume a job; return the number of pauses that this ended."""
        ...

    def between(self, job: str | None, *, since: datetime, until: datetime) -> tuple[Pause, ...]:
        """Pauses in force at some time in the window, oldest first; of one job, or of all for None."""
        ...

    def last_resume(self, job: str) -> datetime | None:
        """When the last pause of the job ended; None when none has ended."""
        ...


class Incidents(Holds, Protocol):
    """Incidents (they concern the engine, not one job), holds, and the clock epoch."""

    def note(
        self, kind: str, *, began_at: datetime, detail: str, occurrences: int, jobs: int, now: datetime
    ) -> None:
        """Record an incident from `began_at` until now; an incident with the same
        kind and beginning grows.
        """
        ...

    def begin_hold(self, kind: str = CLOCK_HOLD, *, detail: str, now: datetime) -> None:
        """Begin a hold: from now on the engine starts nothing."""
        ...

    def end_hold(self, kind: str = CLOCK_HOLD, *, by: str, now: datetime) -> None:
        """End the open hold of this kind."""
        ...

    def accept_hold(self, *, actor: str) -> bool:
        """Record that a user confirmed the clock; False when there was no clock hold."""
        ...

    def recent(self, *, limit: int) -> tuple[Incident, ...]:
        """What happened to the engine, the newest first."""
        ...

    def wait_until(self, run: Run, at: datetime) -> bool:
        """Move the start or retry time of a run that a wrong clock had set; False if it no longer waits."""
        ...

    def rewind(self, *, now: datetime) -> None:
        """Begin the next clock epoch: a wrong clock has recorded future instants.

        Each schedule in force ends at its coverage and starts again at `now`.
        """
        ...


class Transactions(Protocol):
    """Atomic changes."""

    def transaction(self) -> AbstractContextManager[None]:
        """Commit everything written inside at once; on an exception, commit nothing and raise it.

        One thread at a time is inside; all others wait, readers too. Transactions do not nest. In a store
        whose session was superseded, this raises SupersededError.
        """
        ...


class Auditing(Transactions, Protocol):
    """Changes that leave an audit record."""

    def audit(self, *, actor: str, action: str, object: str, detail: str, now: datetime) -> None:
        """Append one audit record: who did what to which object."""
        ...


class Definitions(Protocol):
    """Compiled jobs by digest."""

    def add_definition(self, job: CompiledJob) -> None:
        """Store a compiled job, once for each digest."""
        ...

    def definition(self, digest: str) -> JobSpec:
        """The compiled job with this digest; a job of defaults in place of an unreadable one."""
        ...

    def definition_trouble(self, digest: str) -> str:
        """Why the job with this digest is unreadable and so must not be executed;
        empty when it is readable.
        """
        ...


class Stopping(Standing, Current, Definitions, Transactions, Protocol):
    """For the callers that end open runs: stop of the engine, withdrawal, cancel."""

    def end_waiting(self, run_id: str, *, state: RunState, reason: str, detail: str, now: datetime) -> bool:
        """End a queued run that will not start. False when it is no longer queued."""
        ...

    def request_stop(self, run_id: str, how: Stop, *, reason: str, detail: str, now: datetime) -> bool:
        """Cancel a waiting run at once, or ask a running one to end. False when the run is over."""
        ...


class Notifications(Current, Protocol):
    """For the callers that record notifications: the outbox, and how earlier runs ended."""

    outbox: Outbox
    lateness: Lateness

    def newest_ends(
        self, job: str, *, since: datetime, limit: int, combinations: int = 0
    ) -> tuple[RunState, ...]:
        """Final states of the job's runs that were executed and ended after `since`, newest first.

        The runs of an occurrence have one state, that of all; none has more than `combinations` runs.
        """
        ...

    def was_missed(self, job: str, *, before: datetime) -> bool:
        """Whether an occurrence of the job was missed since its last success before an instant."""
        ...


class Pausing(Notifications, Auditing, Protocol):
    """For the caller that pauses a job after a number of consecutive failures."""

    pauses: Pauses


class Accounting(Stopping, Pausing, Protocol):
    """For the callers that account for occurrences: each becomes a run, or a record of why it does not."""

    keys: Keys
    backfills: Backfills

    def schedule_in_force(self, job: str, schedule_key: str) -> Schedule | None:
        """The schedule in force with this job and key."""
        ...

    def advance_coverage(self, schedule_id: int, *, to: datetime) -> None:
        """Record that every occurrence up to `to` is accounted for. Coverage never goes back."""
        ...

    def add_run(self, run: Run) -> None:
        """Record a run in the state that it has: queued, skipped or missed.

        A run whose definition is missing is recorded too; it will not start.
        """
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
        """Record `count` consecutive occurrences that did not run; a record that
        they continue is extended.
        """
        ...

    def decide(self, run: Run) -> bool:
        """Record the decision about a run whose spread has passed. False when it is decided already."""
        ...

    def count_blocking(self, concurrency_key: str, *, at_most: int, besides: str = "") -> tuple[int, int]:
        """The numbers of active and of waiting runs with a concurrency key, each counted up to `at_most`.

        A run whose spread has not passed blocks no other and is not counted, nor are those of the occurrence
        `besides`. Runs with one slot count once.
        """
        ...

    def blocking_runs(
        self, concurrency_key: str, *, limit: int | None = None, besides: str = ""
    ) -> tuple[Run, ...]:
        """The runs that `count_blocking` counts: first the active, then the waiting, each oldest first."""
        ...

    def newest_occurrences(self, job: str, *, limit: int) -> tuple[Run, ...]:
        """The newest scheduled runs of a job, newest first; of an occurrence with a matrix, the first one."""
        ...


class Requesting(Accounting, Protocol):
    """Recording runs that users request; a retry may continue with the steps of another run."""

    past: Past
    steps: Steps
    trigger_events: TriggerEvents


class Consequences(Requesting, Protocol):
    """For the follower: it records what follows from the ends of runs."""

    following: Following


class Scheduling(Requesting, Protocol):
    """For the scheduler: it accounts for what is due, and decides runs whose spread has passed."""

    incidents: Incidents

    def undecided(self, *, now: datetime, limit: int) -> tuple[Run, ...]:
        """Runs whose spread has passed and that are not decided yet, by their time."""
        ...

    def next_undecided(self) -> datetime | None:
        """The earliest instant at which a spread passes; None when no run waits for its spread."""
        ...


class Applying(Accounting, Protocol):
    """For the callers that put jobs in force: generations, jobs, schedules, waiting runs of changed jobs."""

    incidents: Incidents
    past: Past
    following: Following

    def add_generation(self, generation: Generation, *, tzdata_version: str, cron_semantics: int) -> int:
        """Record a new generation and return its number: the next one, whatever `generation.number` is."""
        ...

    def add_job(self, job: CompiledJob, *, generation: int) -> None:
        """From this generation on, the job has this definition."""
        ...

    def end_job(self, job: str, *, generation: int) -> None:
        """From this generation on, the job's current definition is out of force."""
        ...

    def move_job(self, job: str, origin: Origin) -> None:
        """Record that the unchanged job is now written at a different file and line."""
        ...

    def knows_job(self, job: str) -> bool:
        """Whether any generation had a job with this name."""
        ...

    def rename_job(self, old: str, new: str) -> None:
        """Rename a job in every table, so that it keeps its history, coverage and pauses."""
        ...

    def add_schedule(
        self,
        job: str,
        rule: tuple[ScheduleEntry, ...],
        *,
        schedule_key: str,
        generation: int,
        now: datetime,
    ) -> None:
        """Put a schedule in force; nothing up to `now` is due."""
        ...

    def end_schedule(self, schedule_id: int, *, at: datetime, because: str) -> None:
        """Put a schedule out of force; nothing after `at` is due. `because` is the recorded reason."""
        ...

    def waiting_of_job(self, job: str) -> tuple[Run, ...]:
        """Queued runs of a job and those that wait for a retry, oldest first."""
        ...

    def repin(self, run: Run) -> None:
        """Write a waiting run's new definition, with the params and the concurrency
        key that follow from it.
        """
        ...

    def size_queue(self, queue: QueueSpec) -> None:
        """Give all open runs of a queue the number of slots that it has now."""
        ...

    def reject(self, *, digest: str, diagnostics: Sequence[str], now: datetime) -> None:
        """Record that a file set with this digest is rejected; it replaces an open rejection."""
        ...

    def accept(self, *, now: datetime) -> bool:
        """Record that the files are good; True when they had been rejected."""
        ...


class SettingAside(Opened, Transactions, Protocol):
    """For the caller that sets unreadable rows aside, so that everything else continues."""

    past: Past
    artifacts: Artifacts

    def look_over(self) -> None:
        """Read everything that is open or in force, so that unreadable rows are found before they are due."""
        ...

    def set_aside(self, found: Unreadable, *, is_over: bool, now: datetime) -> bool:
        """End an unreadable run as lost. When its attempt may be alive, only if `is_over`.

        A run whose id is unreadable is ended in any case: its attempt cannot be looked up.
        """
        ...


class Execution(Stopping, Pausing, SettingAside, Collecting, Protocol):
    """For the worker and the rescuer: they start runs, and record how their attempts ended."""

    steps: Steps
    trigger_events: TriggerEvents

    def startable(self, *, now: datetime, limit: int, is_catchup: bool, ahead: int = 0) -> tuple[Run, ...]:
        """Runs that may start now, in starting order: the catch-up runs, or all others.

        Of each queue, at most as many as it has free slots, and `ahead` more.
        """
        ...

    def next_wake(self, *, now: datetime) -> datetime | None:
        """The earliest instant at which a waiting run may start, or its start deadline has passed."""
        ...

    def start(self, run: Run, *, boot_id: str, now: datetime) -> bool:
        """Record the intent of one more attempt. False when the run's state or a limit forbids it by now."""
        ...

    def mark_running(self, attempt: Attempt, *, started_at: datetime) -> None:
        """Record that an attempt is proven to execute."""
        ...

    def settle(self, run: Run, verdict: Verdict, outcome: Outcome) -> bool:
        """Record the end of an attempt and the new state of its run.

        False, and nothing changes, when the run was settled, cancelled or renamed since it was read.
        """
        ...

    def expire_waiting(self, *, now: datetime) -> tuple[Run, ...]:
        """End the queued runs whose start deadline has passed, and return them, unordered."""
        ...

    def last_success(self, job: str, *, before: datetime) -> datetime | None:
        """When a job last succeeded, at or before an instant."""
        ...


class Expecting(Definitions, Pausing, Protocol):
    """For the loop that finds late jobs."""

    past: Past


class Retention(Stopping, Collecting, Protocol):
    """For the housekeeper: late evidence of lost runs, and deletions."""

    past: Past
    artifacts: Artifacts
    outbox: Outbox
    lateness: Lateness
    incidents: Incidents
    keys: Keys
    trigger_events: TriggerEvents


class ClockKeeping(Standing, Current, Definitions, Transactions, Protocol):
    """For the clock guard: whether the clock is believed, and the runs that a wrong one had recorded."""

    incidents: Incidents
    past: Past
    outbox: Outbox


class Sending(Current, Definitions, Transactions, Collecting, Protocol):
    """For the sender: it sends notifications, and makes each from what is known when it is sent."""

    past: Past
    outbox: Outbox


class AuditTrail(Current, Auditing, Protocol):
    """For the writer of audit records about the engine, and of audit records as lines of the journal."""

    past: Past


class Admitting(Auditing, Protocol):
    """For those who give out tokens and open sessions of browsers."""

    access: Granting


class Draining(Auditing, Protocol):
    """For the caller that lets a host take nothing new."""

    @property
    def hosts(self) -> Hosts | None:
        """The hosts; None for a ledger that hosts cannot share."""
        ...


class Sessions(Transactions, Protocol):
    """For the session: one started engine process, and its heartbeat."""

    def verify(self) -> None:
        """Raise StoreDamagedError for a damaged ledger, so that no engine runs on a part of the record."""
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
        """Take the next engine epoch, and at least `at_least`; later writes of older engines are refused.

        It is a transaction of its own. `boot_seconds` is the time since the boot.
        """
        ...

    def touch_session(self, *, epoch: int, now: datetime, boot_seconds: float) -> None:
        """Note that the engine was alive at `now`, this many seconds after the boot."""
        ...

    def close_session(self, *, epoch: int, now: datetime, boot_seconds: float | None, reason: str) -> None:
        """Note that the engine ended normally, and both clocks; `boot_seconds` is None for a clock not
        believed.
        """
        ...


class Store(
    Scheduling,
    Consequences,
    Applying,
    Execution,
    Retention,
    ClockKeeping,
    Sending,
    AuditTrail,
    Admitting,
    Draining,
    Sessions,
    Protocol,
):
    """Everything that the loops write, and read to decide. Each caller names the port that it needs."""
