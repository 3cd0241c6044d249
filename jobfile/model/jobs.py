"""Complete jobs: frozen values with defaults filled in; standard library types only."""

from collections.abc import Mapping
from dataclasses import field
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import ClassVar

from jobfile.model.containers import ContainerSpec
from jobfile.model.dataclass import dataclass
from jobfile.model.expectations import ExpectSpec
from jobfile.model.values import Scalar, Shown, Value
from jobfile.model.webhooks import WebhookTrigger

DEFAULT_TIMEOUT = timedelta(hours=24)
DEFAULT_KILL_GRACE = timedelta(seconds=10)
DEFAULT_SETTLE = timedelta(seconds=2)
DEFAULT_MAX_PARALLEL = 4
DEFAULT_STATUS = ((200, 299),)
"""What a file leaves out: here and nowhere else."""


class ParamType(StrEnum):
    """The types of params, and of expressions for them."""

    STRING = "string"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    ARRAY = "array"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ParamSpec(Shown):
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
    pointer: str | None = None
    """Of an output of a request: where it is in the JSON of the response (RFC 6901); None: at its name."""


class DayRule(StrEnum):
    """How day of month and day of week combine when both are restricted."""

    CRON = "cron"
    BOTH = "both"
    EITHER = "either"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class CalendarSpec(Shown):
    """Which days are open: `also` wins over `closed`, which wins over `weekdays` (Monday is 0)."""

    name: str
    weekdays: tuple[int, ...]
    closed: tuple[date, ...] = ()
    also: tuple[date, ...] = ()


class OnClosed(StrEnum):
    """What happens to a fire on a closed day."""

    SKIP = "skip"
    NEXT = "next"
    PREVIOUS = "previous"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class CronEntry(Shown):
    """Fires at the local times that a cron expression matches in a zone; with a calendar, on its open days.

    In every kind of entry: `from_day` and `until_day` are the first and the last local date; `spread` is
    the upper limit of the job's own fixed delay; `arguments` are values for params.
    """

    KIND: ClassVar = "cron"
    cron: str
    timezone: str
    days: DayRule = DayRule.CRON
    calendar: CalendarSpec | None = None
    on_closed: OnClosed = OnClosed.SKIP
    from_day: date | None = None
    until_day: date | None = None
    spread: timedelta | None = None
    arguments: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class EveryEntry(Shown):
    """Fires at whole multiples of a period since 1970-01-01T00:00Z; the zone only sets its local dates."""

    KIND: ClassVar = "every"
    every: timedelta
    timezone: str
    from_day: date | None = None
    until_day: date | None = None
    spread: timedelta | None = None
    arguments: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class AtEntry(Shown):
    """Fires at these instants, each once."""

    KIND: ClassVar = "at"
    at: tuple[datetime, ...]
    timezone: str
    from_day: date | None = None
    until_day: date | None = None
    spread: timedelta | None = None
    arguments: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class BusinessDayEntry(Shown):
    """Fires at a local time (HH:MM) on the n-th open day of each month, counted from the end if negative."""

    KIND: ClassVar = "business_day"
    business_day: int
    time: str
    calendar: CalendarSpec
    timezone: str
    from_day: date | None = None
    until_day: date | None = None
    spread: timedelta | None = None
    arguments: Mapping[str, Value] = field(default_factory=dict)


ScheduleEntry = CronEntry | EveryEntry | AtEntry | BusinessDayEntry


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class FileTrigger(Shown):
    """A file that arrives in a folder starts the job once it has not changed for `settle`."""

    KIND: ClassVar = "file"
    folder: str
    match: str = "*"
    events: tuple[str, ...] = ("closed", "moved")
    settle: timedelta = DEFAULT_SETTLE
    recursive: bool = False


class AfterWhen(StrEnum):
    """Which outcomes of the other job start this one."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    ALWAYS = "always"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class AfterTrigger(Shown):
    """The end of another job's run starts the job, or that of all or any of several, for one nominal time."""

    KIND: ClassVar = "after"
    job: str | None = None
    all: tuple[str, ...] = ()
    any: tuple[str, ...] = ()
    when: AfterWhen = AfterWhen.SUCCEEDED

    @property
    def jobs(self) -> tuple[str, ...]:
        """The jobs that it follows."""
        return (self.job,) if self.job is not None else self.all or self.any


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class BootTrigger(Shown):
    """The first start of the engine after a start of the host starts the job."""

    KIND: ClassVar = "boot"
    boot: bool = True


Trigger = WebhookTrigger | FileTrigger | AfterTrigger | BootTrigger


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class QueueSpec(Shown):
    """Slots that jobs share."""

    name: str
    slots: int


class Backoff(StrEnum):
    """How the delay between attempts grows."""

    EXPONENTIAL = "exponential"
    LINEAR = "linear"
    FIXED = "fixed"


class Jitter(StrEnum):
    """How much of the delay is random: `half` keeps at least half of it."""

    HALF = "half"
    FULL = "full"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class RetrySpec(Shown):
    """When a failed run is retried. `attempts` counts the first one too."""

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


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ConcurrencySpec(Shown):
    """At most `limit` active runs with one key; None: no limit. By default schedules skip, events queue."""

    limit: int | None = 1
    key: str | None = None
    on_overlap: OverlapPolicy | None = None
    max_waiting: int = 100


class CatchupMode(StrEnum):
    """What to do with occurrences that fell due while the engine could not act."""

    NONE = "none"
    LAST = "last"
    ALL = "all"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class CatchupSpec(Shown):
    """`window` limits the age of the runs that are caught up, `limit` their number."""

    mode: CatchupMode = CatchupMode.LAST
    window: timedelta | None = None
    limit: int = 10


class DiskPriority(StrEnum):
    """When a job's reads and writes are served: `idle` only when nobody else needs the disk."""

    IDLE = "idle"
    LOW = "low"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class EnvFile(Shown):
    """A file of variables. `secret`: its values are masked; None: they are not."""

    path: str
    """As written: with a `?` at the end it may be absent."""
    secret: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class LimitsSpec(Shown):
    """Resource limits for the processes of a job; None keeps the engine's own limit.

    `memory`, `file_size` and `core` are sizes as `format_size` writes them; `core` may be `none`.
    """

    memory: str | None = None
    cpu_seconds: int | None = None
    open_files: int | None = None
    file_size: str | None = None
    processes: int | None = None
    core: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ScriptAction(Shown):
    """A script for a shell.

    `text` is as written; `compiled` is for the shell and the same for every run: each template is
    replaced by a reference to a variable `JF_n`, whose value is the n-th expression of `values`.
    """

    KIND: ClassVar = "run"
    text: str
    compiled: str
    values: tuple[str, ...]
    shell: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class CommandAction(Shown):
    """A program and its arguments, each a template; no shell."""

    KIND: ClassVar = "command"
    argv: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class PythonAction(Shown):
    """A function, called with the params as keyword arguments in a new process."""

    KIND: ClassVar = "python"
    module: str
    function: str


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class HttpAction(Shown):
    """A request. `status` has the ranges that count as success, both ends inclusive.

    Every text in `url`, `headers`, `body`, `json` and `contains` can have templates; a text of `json` that is
    exactly one template becomes the value with its type.
    """

    KIND: ClassVar = "http"
    url: str
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str | None = None
    json: object = None
    status: tuple[tuple[int, int], ...] = DEFAULT_STATUS
    contains: str | None = None
    allow_private: tuple[str, ...] = ()
    """Internal hosts to which it may go, in small letters and sorted."""


SimpleAction = ScriptAction | CommandAction | PythonAction | HttpAction


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class StepSpec(Shown):
    """One command of a job. `needs` is complete: it has the step before this one if the file names none."""

    name: str
    action: SimpleAction
    description: str = ""
    needs: tuple[str, ...] = ()
    condition: str | None = None
    for_each: str | None = None
    max_parallel: int = DEFAULT_MAX_PARALLEL
    working_dir: str | None = None
    container: ContainerSpec | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    env_file: tuple[EnvFile, ...] = ()
    secrets: Mapping[str, str] = field(default_factory=dict)
    timeout: timedelta | None = None
    retry: RetrySpec = field(default_factory=RetrySpec)
    outputs: tuple[ParamSpec, ...] = ()
    allow_failure: bool = False
    skip_exit: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class StepsAction(Shown):
    """Several steps, in the order of the file."""

    KIND: ClassVar = "steps"
    steps: tuple[StepSpec, ...]


Action = ScriptAction | CommandAction | PythonAction | HttpAction | StepsAction


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class QuietSpec(Shown):
    """When a channel waits: in these local hours of each day (`22:00-07:00`), and on closed days."""

    hours: str | None = None
    calendar: CalendarSpec | None = None
    timezone: str = "UTC"
    spared: tuple[str, ...] = ()
    """Events that do not wait."""
    repeat: timedelta | None = None
    """How soon the same event of a job may be sent again; None: the built-in time."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class DigestSpec(Shown):
    """When a channel gets a report about the time since the last one: of all jobs, or of those chosen."""

    schedule: tuple[ScheduleEntry, ...]
    tags: tuple[str, ...] = ()
    owner: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ChannelSpec(Shown):
    """Where notifications go: exactly one of Apprise's URLs (names of secrets), a request or a command."""

    name: str
    apprise: tuple[str, ...] = ()
    http: HttpAction | None = None
    command: tuple[str, ...] = ()
    secrets: Mapping[str, str] = field(default_factory=dict)
    quiet: QuietSpec | None = None


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Origin(Shown):
    """Where a job is written; not part of its meaning."""

    file: str
    line: int


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class JobSpec(Shown):
    """A complete job. Its digest is a hash of everything here, and of nothing else."""

    name: str
    action: Action
    title: str = ""
    description: str = ""
    owner: str = ""
    tags: tuple[str, ...] = ()
    enabled: bool = True
    timezone: str = "UTC"
    schedule: tuple[ScheduleEntry, ...] = ()
    params: tuple[ParamSpec, ...] = ()
    vars: Mapping[str, Value] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)
    env_file: tuple[EnvFile, ...] = ()
    secrets: Mapping[str, str] = field(default_factory=dict)
    timeout: timedelta | None = DEFAULT_TIMEOUT
    kill_grace: timedelta = DEFAULT_KILL_GRACE
    retry: RetrySpec = field(default_factory=RetrySpec)
    concurrency: ConcurrencySpec = field(default_factory=ConcurrencySpec)
    catchup: CatchupSpec = field(default_factory=CatchupSpec)
    idempotent: bool = False
    triggers: tuple[Trigger, ...] = ()
    expect: ExpectSpec = field(default_factory=ExpectSpec)
    matrix: tuple[Mapping[str, Scalar], ...] = ()
    condition: str | None = None
    working_dir: str | None = None
    pass_env: tuple[str, ...] = ()
    umask: str | None = None
    new_privileges: bool | None = None
    """True: its programs may gain privileges that the engine's user lacks, as sudo does. Else None."""
    container: ContainerSpec | None = None
    user: str | None = None
    nice: int | None = None
    io: DiskPriority | None = None
    runs_on: tuple[str, ...] = ()
    """The labels that a host must have to execute it, sorted."""
    limits: LimitsSpec = field(default_factory=LimitsSpec)
    start_deadline: timedelta | None = None
    deadline: timedelta | None = None
    """From the first start of a run to the end of its last try."""
    pause_on_failure: int | None = None
    queue: QueueSpec | None = None
    priority: int = 0
    idempotency_key: str | None = None
    skip_exit: tuple[str, ...] = ()
    """Exit codes, as `75` or `70-79`, with which the process says that there was nothing to do."""
    outputs: tuple[ParamSpec, ...] = ()
    artifacts: tuple[str, ...] = ()
    notify: Mapping[str, tuple[ChannelSpec, ...]] = field(default_factory=dict)
    ping: str = ""
    """The URL of a check of an outside watchdog, or where it is read from."""
    renamed_from: str | None = None

    @property
    def of_webhooks(self) -> frozenset[str]:
        """The names of the secrets with which calls are proven: only the server reads them."""
        return frozenset(
            one.secret for one in self.triggers if isinstance(one, WebhookTrigger) and one.secret
        )

    def given(self, secrets: Mapping[str, str]) -> dict[str, str]:
        """Those of some secrets that a process gets."""
        return {name: source for name, source in secrets.items() if name not in self.of_webhooks}
