"""What callers that write ask of a ledger: each port is what one of them needs; a store fulfils all.

Every method that writes runs inside `transaction()`. A port that puts others together says so by its bases.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from engine.core.records import CLOCK_HOLD
from engine.ledger.ports import Current, Opened
from engine.ledger.soundness_ports import Holds, Standing

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager
    from datetime import datetime

    from engine.core.lifecycle import Attempt, AttemptKey, Ended, Outcome, Run, RunState, Verdict
    from engine.core.records import Audited, Generation, Incident, Owed, Pause, Schedule, Unreadable
    from engine.ports import Stop
    from jobfile.model.catalog import CompiledJob
    from jobfile.model.jobs import JobSpec, Origin, ScheduleEntry


class Pauses(Protocol):
    """Jobs that do not run on their schedules for a while."""

    def add(self, pause: Pause) -> None:
        """A job is paused."""
        ...

    def end(self, job: str, *, by: str, now: datetime) -> int:
        """Resume a job; returns the number of pauses that this ended."""
        ...

    def between(self, job: str | None, *, since: datetime, until: datetime) -> tuple[Pause, ...]:
        """Pauses that were in force at some time in a window, oldest first; of one job or of all."""
        ...

    def last_resume(self, job: str) -> datetime | None:
        """When a pause of the job ended last."""
        ...


class Incidents(Holds, Protocol):
    """What happened to the engine and not to one job, and the clock that it follows."""

    def note(
        self, kind: str, *, began_at: datetime, detail: str, occurrences: int, jobs: int, now: datetime
    ) -> None:
        """Something happened from `began_at` until now; noted again, it grows."""
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

    def wait_until(self, run: Run, at: datetime) -> bool:
        """A run whose time to start came from a wrong clock waits until another."""
        ...

    def rewind(self, *, now: datetime) -> None:
        """A wrong clock has recorded future instants: schedules in force start again in the next epoch."""
        ...


class Outbox(Protocol):
    """Notifications that are owed: noted with what they are about, sent at least once, in order per job."""

    def add(self, owed: Owed) -> None:
        """A notification is owed; the same one twice is one."""
        ...

    def due(self, *, now: datetime, limit: int) -> tuple[Owed, ...]:
        """What may be tried now, oldest first: of each job and channel only the oldest."""
        ...

    def sent(self, id: str, *, now: datetime) -> None:
        """It was delivered."""
        ...

    def failed(self, id: str, *, error: str, next_try_at: datetime) -> None:
        """Note that it could not be delivered and is retried."""
        ...

    def drop_sent(self, *, before: datetime) -> int:
        """Forget what was delivered long ago; how many."""
        ...


class Past(Protocol):
    """Finished runs, what retention deletes, and the engine's notes about its own upkeep."""

    def attempt(self, key: AttemptKey) -> Attempt | None:
        """One attempt as the ledger knows it."""
        ...

    def lost_attempts(self, *, since: datetime, limit: int) -> tuple[Attempt, ...]:
        """Attempts that ended after an instant and whose end nobody saw, oldest first."""
        ...

    def resolve(self, attempt: Attempt, ended: Ended, *, state: RunState, detail: str) -> bool:
        """The end of a lost attempt was found: once. True when that says how its run ended."""
        ...

    def prunable(self, *, before: datetime, limit: int, job: str | None = None) -> tuple[Run, ...]:
        """Runs that ended before an instant and may be deleted, oldest first; of one job or all."""
        ...

    def crowded(self, *, keep: int) -> tuple[tuple[str, datetime], ...]:
        """Jobs with more runs than are kept, each with the instant of the oldest that is; in no order."""
        ...

    def prune(self, runs: Sequence[Run], *, now: datetime) -> tuple[Run, ...]:
        """Delete runs; a gap record or a number keeps the result of each. Returns the deleted ones.

        A scheduled run without a schedule stays: its row cannot be read, and no gap record can replace it.
        """
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


class Transactions(Protocol):
    """A change to the ledger."""

    def transaction(self) -> AbstractContextManager[None]:
        """Everything inside is committed at once, or nothing is, and then the exception is raised.

        One thread at a time is inside: the others wait, also those that only read. They do not nest. A store
        whose session was superseded by another cannot begin one.
        """
        ...


class Auditing(Transactions, Protocol):
    """A change that a person should find later."""

    def audit(self, *, actor: str, action: str, object: str, detail: str, now: datetime) -> None:
        """Add one line to the audit."""
        ...


class Definitions(Protocol):
    """What jobs mean: the compiled job of each digest."""

    def add_definition(self, job: CompiledJob) -> None:
        """Keep a compiled job, once for each meaning."""
        ...

    def definition(self, digest: str) -> JobSpec:
        """The compiled job with this digest; the defaults in the place of one that cannot be read."""
        ...

    def definition_trouble(self, digest: str) -> str:
        """Why the job with this digest cannot be read, and so is not executed; empty when it can."""
        ...


class Stopping(Standing, Current, Definitions, Transactions, Protocol):
    """To end what is open: what a stop of the engine, a withdrawal and a cancel need."""

    def request_stop(self, run_id: str, how: Stop, *, reason: str, detail: str, now: datetime) -> bool:
        """Cancel what has no process at once; ask a running one to end. False when the run is over."""
        ...


class Notifications(Protocol):
    """To note whom a record concerns: what is owed, and how the runs before ended."""

    outbox: Outbox

    def newest_ends(self, job: str, *, since: datetime, limit: int) -> tuple[RunState, ...]:
        """How the runs of a job ended that ran to an end after an instant, the newest first."""
        ...


class Pausing(Notifications, Auditing, Protocol):
    """To pause a job whose runs fail one after the other."""

    pauses: Pauses


class Accounting(Stopping, Pausing, Protocol):
    """To record what is due: a run, or that there is none and why."""

    def schedule_in_force(self, job: str, schedule_key: str) -> Schedule | None:
        """The schedule of a job in force, as it is now."""
        ...

    def advance_coverage(self, schedule_id: int, *, to: datetime) -> None:
        """Every occurrence up to `to` is accounted for."""
        ...

    def add_run(self, run: Run) -> None:
        """Record a run, or that it was not made; also one whose definition is gone, which will not start."""
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

    def decide(self, run: Run) -> bool:
        """Write what was decided about a run whose spread has passed."""
        ...

    def count_in_the_way(self, concurrency_key: str, *, at_most: int) -> tuple[int, int]:
        """How many runs with a concurrency key are active and how many wait, each counted up to a number.

        A run whose spread has not passed is in nobody's way.
        """
        ...

    def runs_in_the_way(self, concurrency_key: str, *, limit: int | None = None) -> tuple[Run, ...]:
        """The runs that are counted so: the active ones, then those that wait, each oldest first."""
        ...

    def end_waiting(self, run_id: str, *, state: RunState, reason: str, detail: str, now: datetime) -> bool:
        """End a queued run that will not start."""
        ...

    def newest_occurrences(self, job: str, *, limit: int) -> tuple[Run, ...]:
        """The newest runs of a job that its schedule wanted, the newest first."""
        ...


class Scheduling(Accounting, Protocol):
    """The scheduler: it finds what is due, accounts for it, and decides what a spread held back."""

    incidents: Incidents

    def undecided(self, *, now: datetime, limit: int) -> tuple[Run, ...]:
        """Runs whose spread has passed, about which nothing is decided yet, in the order of their times."""
        ...

    def next_undecided(self) -> datetime | None:
        """When the next spread has passed."""
        ...


class Applying(Accounting, Protocol):
    """To put jobs in force: a generation, its jobs and their schedules, and what waits for them."""

    incidents: Incidents

    def add_generation(self, generation: Generation, *, tzdata_version: str, cron_semantics: int) -> int:
        """Write a new generation; its number is the next one, whatever the value says."""
        ...

    def add_job(self, job: CompiledJob, *, generation: int) -> None:
        """From this generation on the job means this."""
        ...

    def end_job(self, job: str, *, generation: int) -> None:
        """From this generation on the job is another, or none."""
        ...

    def move_job(self, job: str, origin: Origin) -> None:
        """The same job is now written at another place."""
        ...

    def knows_job(self, job: str) -> bool:
        """Whether any generation had a job of this name."""
        ...

    def rename_job(self, old: str, new: str) -> None:
        """History, coverage and pauses of a job go with its new name."""
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
        """A schedule comes into force; nothing before `now` is due."""
        ...

    def end_schedule(self, schedule_id: int, *, at: datetime, because: str) -> None:
        """A schedule goes out of force; nothing after `at` is due."""
        ...

    def waiting_of_job(self, job: str) -> tuple[Run, ...]:
        """Runs of a job that wait to start or for a retry, oldest first."""
        ...

    def repin(self, run: Run) -> None:
        """A waiting run takes another definition, and the params and the key that follow from it."""
        ...

    def reject(self, *, digest: str, diagnostics: Sequence[str], now: datetime) -> None:
        """A set of files is refused; one open refusal at a time."""
        ...

    def accept(self, *, now: datetime) -> bool:
        """The files are good; True when they were refused before."""
        ...


class SettingAside(Opened, Transactions, Protocol):
    """Handles unreadable rows, so that everything else continues."""

    past: Past

    def look_over(self) -> None:
        """Read all that is open and in force, so that what of it cannot be read is met before it is due."""
        ...

    def set_aside(self, found: Unreadable, *, is_over: bool, now: datetime) -> bool:
        """End a run that cannot be read, as lost; one whose attempt may be alive only when that `is_over`.

        A run without a name that could be followed is over: nobody can ask after it.
        """
        ...


class Execution(Stopping, Pausing, SettingAside, Protocol):
    """The worker and the rescuer: they start what may start, and record how it ended."""

    def startable(self, *, now: datetime, limit: int, is_catchup: bool) -> tuple[Run, ...]:
        """Runs that may start now, oldest first: those on time, or those that are made up for."""
        ...

    def next_wake(self, *, now: datetime) -> datetime | None:
        """The earliest instant after now at which a waiting run may start, or may not any more."""
        ...

    def start(self, run: Run, *, boot_id: str, now: datetime) -> bool:
        """Commit to one more attempt of a run, if its state and its limit still allow it."""
        ...

    def mark_running(self, attempt: Attempt, *, started_at: datetime) -> None:
        """The execution of an attempt is proven."""
        ...

    def settle(self, run: Run, verdict: Verdict, outcome: Outcome) -> bool:
        """Make a verdict true. False when it was settled, cancelled or renamed since `run` was read."""
        ...

    def expire_waiting(self, *, now: datetime) -> tuple[Run, ...]:
        """End the waiting runs that could not start in time; they come in no order."""
        ...

    def last_success(self, job: str, *, before: datetime) -> datetime | None:
        """When a job last succeeded before an instant."""
        ...


class Retention(Stopping, Protocol):
    """The housekeeper: late evidence of lost runs, and deletions."""

    past: Past
    outbox: Outbox
    incidents: Incidents


class ClockKeeping(Standing, Current, Definitions, Transactions, Protocol):
    """The clock's guard: whether the clock is believed, and what a wrong one had named."""

    incidents: Incidents


class AuditTrail(Current, Auditing, Protocol):
    """Starts and stops of the engine in the audit, and the audit as lines of the journal."""

    past: Past


class Sessions(Transactions, Protocol):
    """One started process of an engine, and its heartbeat."""

    def verify(self) -> None:
        """Refuse a damaged ledger: it must stop the engine, not start it on half of the truth."""
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
        """Take the next engine epoch, and not less; every later write of an older engine is refused.

        It is a transaction of its own.
        """
        ...

    def touch_session(self, *, epoch: int, now: datetime, boot_seconds: float) -> None:
        """Note that the engine was alive at `now`, this many seconds after the boot."""
        ...

    def close_session(self, *, epoch: int, now: datetime, boot_seconds: float | None, reason: str) -> None:
        """Note that the engine ended in order, and both clocks; None while they are not believed."""
        ...


class Store(Scheduling, Applying, Execution, Retention, ClockKeeping, AuditTrail, Sessions, Protocol):
    """Everything that the loops write, and read to decide. Each caller takes the port that it needs."""
