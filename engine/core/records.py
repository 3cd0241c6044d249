"""The records of the ledger beside runs and attempts: generations, schedules with coverage, gaps, sessions.

NamedTuples start faster than dataclasses, and every answer loads these. A dataclass is used only where a
field is named `count`.
"""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from engine.core.lifecycle import Attempt, RunState
from engine.core.reasons import IncidentKind, Reason
from jobfile.model.dataclass import dataclass
from jobfile.model.namedtuple import NamedTuple
from jobfile.model.values import Value

if TYPE_CHECKING:
    from engine.core.step_states import StepRun
    from jobfile.model.jobs import ScheduleEntry


CLOCK_HOLD = IncidentKind.CLOCK_HOLD
"""An incident while the wall clock is not believed: nothing starts."""
RESTORED_HOLD = IncidentKind.RESTORED_HOLD
"""An incident while the ledger is an older copy that has not been accepted: nothing starts."""
DISK_HOLD = IncidentKind.DISK_HOLD
"""An incident while the disk is nearly full: nothing starts."""
ON_TIME = timedelta(seconds=10)
"""An occurrence that is recorded within this time counts as on time."""
SILENT = timedelta(seconds=35)
"""An engine without a heartbeat for this long has missed three and counts as stuck."""
ENGINE_DOWN = Reason.ENGINE_DOWN
ENGINE_UNABLE, DOWN_AND_UNABLE = Reason.ENGINE_UNABLE, Reason.ENGINE_DOWN_AND_UNABLE
"""Reasons for occurrences of a time in which an engine ran, at least partly, but could decide nothing."""
SET_ASIDE = "set_aside"
"""The key of the fact with the unreadable rows, as a JSON list of texts."""
HOME = "home"
"""The key of the ledger's note about the state folder that it belongs to."""
HOME_OF_HOSTS = "hosts"
"""The identity of the home of a ledger whose leader has attempts executed by hosts."""
SOURCE = "source"
"""The key of the fact with the source of the engine's jobs."""
WATCHED = "watched_folders"
"""The key of the fact with the folders that the engine watches for files."""


class Generation(NamedTuple):
    """One applied, whole, valid set of definitions."""

    number: int
    digest: str
    applied_at: datetime
    applied_by: str
    main_file: str
    revision: str
    plan_id: str = ""
    instead_of: str = ""
    note: str = ""


class Applied(NamedTuple):
    """A generation, and the numbers of jobs that it added, changed and removed."""

    generation: Generation
    added: int
    changed: int
    removed: int


class Output(NamedTuple):
    """A value that an attempt gave by name; `step` and `item` are those of the attempt."""

    name: str
    value: Value
    step: str = ""
    item: int = 0


class StepOfRun(NamedTuple):
    """A step, or an item of it, and the run that it belongs to."""

    run_id: str
    step: "StepRun"


class JobVersion(NamedTuple):
    """A job's definition during a range of generations, and its place in the files."""

    job: str
    digest: str
    file: str
    line: int
    from_generation: int
    applied_at: datetime | None = None
    ended_at: datetime | None = None


class Definition(NamedTuple):
    """The canonical text of a compiled job."""

    job: str
    digest: str
    text: str


class Schedule(NamedTuple):
    """A schedule and its time in force; every occurrence up to `covered_until` is accounted for."""

    id: int
    job: str
    schedule_key: str
    entries: "tuple[ScheduleEntry, ...]"
    generation: int
    active_from: datetime
    active_until: datetime | None
    ended_because: str
    covered_until: datetime
    digest: str
    clock_epoch: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Consecutive occurrences with the same result, those of `entries` in [first_at, last_at]: they did not
    run, or they ran and retention deleted their runs at `pruned_at`.
    """

    schedule_id: int
    job: str
    entries: "tuple[ScheduleEntry, ...]"
    first_at: datetime
    last_at: datetime
    count: int
    state: RunState
    reason: str
    generation: int
    epoch: int
    recorded_at: datetime
    detail: str = ""
    pruned_at: datetime | None = None
    ran: bool = False


class Session(NamedTuple):
    """One started engine process. One without an end was killed, some time after `last_seen_at`."""

    epoch: int
    boot_id: str
    pid: int
    version: str
    started_at: datetime
    last_seen_at: datetime
    ended_at: datetime | None
    end_reason: str
    boot_seconds: float | None = None

    def is_heard_at(self, now: datetime) -> bool:
        """Whether its engine, perhaps on another host, has noted a moment ago that it is alive."""
        return self.ended_at is None and abs(now - self.last_seen_at) < SILENT


class Rejection(NamedTuple):
    """A rejected set of files, with one line for each finding."""

    rejected_at: datetime
    digest: str
    diagnostics: tuple[str, ...]
    resolved_at: datetime | None


class LiveAttempt(NamedTuple):
    """An attempt without an end, with the requests of its run."""

    attempt: Attempt
    run_state: RunState
    stop_requested: str


class Pause(NamedTuple):
    """A job does not run on its schedule from `paused_at` until it is resumed or `until` is reached."""

    job: str
    source: str
    actor: str
    reason: str
    paused_at: datetime
    until: datetime | None
    ended_at: datetime | None
    ended_by: str

    @property
    def end(self) -> datetime | None:
        """The first instant after the pause; None while it is not known."""
        ends = [at for at in (self.until, self.ended_at) if at is not None]
        return min(ends) if ends else None

    @property
    def who(self) -> str:
        """Who paused the job, and why: the detail of what it skips."""
        return f"{self.actor}: {self.reason}" if self.reason else self.actor

    def holds_at(self, at: datetime) -> bool:
        """Whether the job was paused at an instant."""
        return self.paused_at <= at and (self.end is None or at < self.end)


class Backfill(NamedTuple):
    """A request to run the occurrences of a job's schedule in [since, until), at most `at_once` at a time."""

    id: int
    job: str
    since: datetime
    until: datetime
    covered_until: datetime
    """The last occurrence that the backfill has handled, or just before `since`."""
    at_once: int
    again: bool
    """Whether occurrences that have succeeded run, too."""
    requested_by: str
    begun_at: datetime
    ended_at: datetime | None = None
    ended_because: str = ""


class Odd(NamedTuple):
    """Something about a run that is unusual for its job: its duration in seconds, or an output."""

    run_id: str
    name: str
    value: float
    median: float
    spread: float


class Incident(NamedTuple):
    """Something that happened to the engine: away, clock_jump, a hold. Open while it has no end."""

    kind: str
    began_at: datetime
    ended_at: datetime | None
    detail: str
    occurrences: int
    jobs: int
    accepted_by: str


class Source(NamedTuple):
    """Where the running engine reads its jobs: the files, or the commits of a ref."""

    ref: str = ""
    commit: str = ""
    """The last commit that was tried, applied or refused."""
    is_manual: bool = False
    trouble: str = ""
    """Why the ref cannot be read now; empty when it can."""


class Watched(NamedTuple):
    """A folder that the running engine watches for files."""

    folder: str
    jobs: tuple[str, ...]
    trouble: str = ""
    """Why it cannot be read, or not all of it; empty when it can."""
    since: datetime | None = None
    """Since when there is trouble."""
    polled: str = ""
    """Why the engine looks into it every few seconds, and does not wait for reports of changes."""


class Audited(NamedTuple):
    """One change by a user or the engine."""

    at: datetime
    actor: str
    action: str
    object: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StateCount:
    """The number of a job's runs in a state, expected in a window."""

    job: str
    is_scheduled: bool
    state: RunState
    count: int
    day: int = 0
    """Which day of the window, from 0, where they are counted by day."""


class Unreadable(NamedTuple):
    """A row of the ledger that cannot be read: which, why, and the job it concerns as far as known."""

    table: str
    key: str
    why: str
    job: str = ""
    run: str = ""
    seq: int = 0
    """The place of the run in the ledger, for a row of a run or attempt."""

    @property
    def words(self) -> str:
        """The row, its job, and the problem, in one line."""
        whose = f" (job {self.job})" if self.job else ""
        return f"{self.table} row {self.key}{whose} cannot be read: {self.why}"


class Owed(NamedTuple):
    """An undelivered notification for a channel. `id` stays the same when it is sent again.

    `facts` is what was known when it was noted, as a JSON object; the message is made of it at sending time.
    """

    id: str
    at: datetime
    event: str
    channel: str
    job: str
    run_id: str
    facts: str
    tries: int = 0


class Parcel(NamedTuple):
    """An undelivered message: notifications of one or several jobs that go to a channel together.

    Its id is that of its oldest notification, and its content stays the same when it is sent again.
    """

    id: str
    jobs: tuple[str, ...]
    at: datetime
    tries: int
    next_try_at: datetime
    done: tuple[str, ...] = ()
    """The destinations of the channel that have it already."""


class Told(NamedTuple):
    """The last time that a channel was notified of an event of a job."""

    job: str
    event: str
    at: datetime


class Notification(NamedTuple):
    """A notification and its delivery."""

    event: str
    channel: str
    at: datetime
    tries: int
    next_try_at: datetime
    sent_at: datetime | None
    given_up_at: datetime | None
    last_error: str
    job: str = ""
    run_id: str = ""


# Findings of the ledger's own checks: plain words and numbers, because a row may hold anything


class Tally(NamedTuple):
    """The numbers of rows in a ledger."""

    runs: int
    attempts: int
    schedules: int
    gaps: int


class SetKey(NamedTuple):
    """Identifies one set of occurrences: each of its instants has at most one record."""

    job: str
    schedule_key: str
    clock_epoch: int


class Suspect(NamedTuple):
    """A run whose rows contradict each other, and how; one of `total` of its kind."""

    run_id: str
    job: str
    said: str
    total: int


class LastState(NamedTuple):
    """Runs whose last attempt has a state that does not fit: how many, and one of them."""

    run_state: str
    attempt_state: str
    runs: int
    run_id: str


class Crowd(NamedTuple):
    """Active runs with one concurrency key, and the largest limit with which one of them was started."""

    concurrency_key: str
    active: int
    limit: int


class QueueCrowd(NamedTuple):
    """Runs that hold a slot of one queue, and the largest number of slots that it had for one of them."""

    queue: str
    active: int
    slots: int


class Backlog(NamedTuple):
    """Undelivered notifications, and the time of the oldest."""

    owed: int
    oldest: datetime | None


class GivenUp(NamedTuple):
    """Notifications that could not be delivered for too long, and when the last of them was given up."""

    given_up: int
    newest: datetime | None


class DeliveryError(NamedTuple):
    """Why the last try to reach a channel failed."""

    channel: str
    error: str


class Examination(NamedTuple):
    """The result of checking the ledger's file. `damage` and `broken_references` are empty if it is sound."""

    damage: tuple[str, ...]
    broken_references: tuple[str, ...]
    version: int
    known_version: int
    journal_mode: str
    is_quick: bool
    foreign: tuple[str, ...] = ()
    """Foreign parts in the ledger's schema, and missing ones."""
    settings: tuple[str, ...] = ()
    """Settings of the database's server with which the ledger is not safe, in words."""
