"""What a job is once it is complete: frozen values, defaults filled, standard library types only."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

Scalar = str | int | float | bool
Value = Scalar | tuple[Scalar, ...]
"""What a param or a var may hold."""


class ParamType(StrEnum):
    """The types of params and of expressions that yield them."""

    STRING = "string"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    ARRAY = "array"


@dataclass(frozen=True, slots=True, kw_only=True)
class ParamSpec:
    """A declared input of a job."""

    name: str
    type: ParamType
    item_type: ParamType | None = None
    description: str = ""
    is_required: bool = True
    default: Value | None = None
    enum: tuple[Scalar, ...] = ()
    pattern: str | None = None
    min_length: int | None = None
    max_length: int | None = None
    minimum: float | None = None
    maximum: float | None = None
    exclusive_minimum: float | None = None
    exclusive_maximum: float | None = None
    format: str | None = None
    max_items: int | None = None


class DayRule(StrEnum):
    """How day of month and day of week combine when both are restricted."""

    CRON = "cron"
    BOTH = "both"
    EITHER = "either"


@dataclass(frozen=True, slots=True, kw_only=True)
class CronEntry:
    """Fires at the local times that a cron expression matches in a zone."""

    cron: str
    timezone: str
    days: DayRule = DayRule.CRON
    arguments: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class EveryEntry:
    """Fires at whole multiples of a period since 1970-01-01T00:00Z; knows no zone."""

    every: timedelta
    timezone: str
    arguments: Mapping[str, Value] = field(default_factory=dict)


ScheduleEntry = CronEntry | EveryEntry


class Backoff(StrEnum):
    """How the wait between attempts grows."""

    EXPONENTIAL = "exponential"
    LINEAR = "linear"
    FIXED = "fixed"


class Jitter(StrEnum):
    """How much of the wait is chance: `half` keeps at least half of it."""

    HALF = "half"
    FULL = "full"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrySpec:
    """When a failed run is tried again. `attempts` counts the first."""

    attempts: int = 1
    delay: timedelta = timedelta(seconds=10)
    backoff: Backoff = Backoff.EXPONENTIAL
    max_delay: timedelta = timedelta(hours=1)
    jitter: Jitter = Jitter.HALF
    when: tuple[str, ...] = ("any",)


class OverlapPolicy(StrEnum):
    """What happens to an occurrence when the limit of active runs is reached."""

    SKIP = "skip"
    QUEUE = "queue"
    LATEST = "latest"
    CANCEL_RUNNING = "cancel_running"
    KILL_RUNNING = "kill_running"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConcurrencySpec:
    """At most `limit` active runs with one key; None lifts the limit.

    `on_overlap` None is the default of the language: a schedule's occurrence is skipped, an event queues.
    """

    limit: int | None = 1
    key: str | None = None
    on_overlap: OverlapPolicy | None = None
    max_waiting: int = 100


class CatchupMode(StrEnum):
    """What to do with occurrences that fell due while the engine could not act."""

    NONE = "none"
    LAST = "last"
    ALL = "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class CatchupSpec:
    """`window` bounds how far back runs are made up for; `limit` how many."""

    mode: CatchupMode = CatchupMode.LAST
    window: timedelta | None = None
    limit: int = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptAction:
    """A script for a shell.

    `text` is as written; `compiled` is what the shell gets, the same for every run: each template is
    replaced by a reference to a variable `JF_n`, whose value is the n-th expression of `values`.
    """

    text: str
    compiled: str
    values: tuple[str, ...]
    shell: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandAction:
    """A program and its arguments, each a template; no shell."""

    argv: tuple[str, ...]


Action = ScriptAction | CommandAction


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a job is written; not part of its meaning."""

    file: str
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSpec:
    """A complete job. Its digest is a hash of everything here, and of nothing else."""

    name: str
    action: Action
    description: str = ""
    owner: str = ""
    tags: tuple[str, ...] = ()
    enabled: bool = True
    timezone: str = "UTC"
    schedule: tuple[ScheduleEntry, ...] = ()
    params: tuple[ParamSpec, ...] = ()
    vars: Mapping[str, Value] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    timeout: timedelta | None = timedelta(hours=24)
    kill_grace: timedelta = timedelta(seconds=10)
    retry: RetrySpec = field(default_factory=RetrySpec)
    concurrency: ConcurrencySpec = field(default_factory=ConcurrencySpec)
    catchup: CatchupSpec = field(default_factory=CatchupSpec)
    idempotent: bool = False

    @property
    def is_manual(self) -> bool:
        """Whether nothing but a person starts this job."""
        return not self.schedule
