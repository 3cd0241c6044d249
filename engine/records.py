"""What the ledger keeps beside runs and attempts: generations, schedules with coverage, gaps, sessions.

Named tuples where a field is not called `count`: every answer loads them, and they cost a quarter of a
dataclass at start-up.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from engine.lifecycle import Attempt, RunState

if TYPE_CHECKING:
    from jobfile.model import ScheduleEntry


class Generation(NamedTuple):
    """One applied, whole, valid set of definitions."""

    number: int
    digest: str
    applied_at: datetime
    applied_by: str
    main_file: str
    revision: str


class JobVersion(NamedTuple):
    """A job as a range of generations had it, and where it is written."""

    job: str
    digest: str
    file: str
    line: int
    from_generation: int
    applied_at: datetime | None = None
    ended_at: datetime | None = None


class Schedule(NamedTuple):
    """A schedule and the time it was in force; every occurrence up to `covered_until` is accounted for."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Many occurrences in a row that did not run: those of `entries` in [first_at, last_at]."""

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


class Session(NamedTuple):
    """One started engine. Without an end it was killed, some time after `last_seen_at`."""

    epoch: int
    boot_id: str
    pid: int
    version: str
    started_at: datetime
    last_seen_at: datetime
    ended_at: datetime | None
    end_reason: str


class Rejection(NamedTuple):
    """A set of files that was refused, with one line for each finding."""

    rejected_at: datetime
    digest: str
    diagnostics: tuple[str, ...]
    resolved_at: datetime | None


class LiveAttempt(NamedTuple):
    """An attempt without an end, with what its run asks of it."""

    attempt: Attempt
    run_state: RunState
    stop_requested: str


class Audited(NamedTuple):
    """One thing that a person or the engine changed."""

    at: datetime
    actor: str
    action: str
    object: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StateCount:
    """How many runs of a job, wanted in a window, stand in a state."""

    job: str
    is_scheduled: bool
    state: RunState
    count: int
