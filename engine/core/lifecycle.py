"""The values of a run: its states and their legal moves, its attempts, their outcomes.

occurrence -> run -> attempt -> outcome -> state. Times are aware UTC datetimes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import field
from datetime import datetime
from enum import StrEnum

from engine.core.reasons import Reason
from jobfile.model.dataclass import dataclass
from jobfile.model.namedtuple import NamedTuple
from jobfile.model.values import Scalar, Shown, Value

NOT_AGAIN = "not retried: "
"""The start of the detail of a run that would have been retried if its job still existed."""


class RunState(StrEnum):
    """The state of a run. The same words in YAML, tables, commands and JSON."""

    QUEUED = "queued"
    RUNNING = "running"
    CANCELLING = "cancelling"
    RETRY_WAIT = "retry_wait"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    CANCELLED = "cancelled"
    LOST = "lost"
    SKIPPED = "skipped"
    MISSED = "missed"

    @property
    def is_final(self) -> bool:
        """Whether the run is over."""
        return self not in OPEN_STATES

    def assert_becomes(self, after: "RunState") -> None:
        """Check a move before a store writes a state that its caller decided."""
        assert after in LEGAL_MOVES[self], f"illegal_transition of a run from {self} to {after}"


OPEN_STATES = (RunState.QUEUED, RunState.RUNNING, RunState.CANCELLING, RunState.RETRY_WAIT)
ACTIVE_STATES = (RunState.RUNNING, RunState.CANCELLING, RunState.RETRY_WAIT)
"""The states that hold a slot of the job's concurrency limit."""
States = RunState | Sequence[RunState] | None
"""One state, some, or any."""

FINAL_STATES = tuple(state for state in RunState if state not in OPEN_STATES)

LEGAL_MOVES: Mapping[RunState, frozenset[RunState]] = {
    RunState.QUEUED: frozenset({RunState.RUNNING, RunState.SKIPPED, RunState.MISSED, RunState.CANCELLED}),
    RunState.RUNNING: frozenset(
        {
            RunState.SUCCEEDED,
            RunState.FAILED,
            RunState.TIMED_OUT,
            RunState.LOST,
            RunState.SKIPPED,  # its process said that there was nothing to do
            RunState.RETRY_WAIT,
            RunState.CANCELLING,
        }
    ),
    RunState.CANCELLING: frozenset(
        # Evidence beats the request: a job that ended by itself before the signal keeps its own outcome.
        {
            RunState.CANCELLED,
            RunState.SUCCEEDED,
            RunState.FAILED,
            RunState.TIMED_OUT,
            RunState.LOST,
            RunState.SKIPPED,
        }
    ),
    RunState.RETRY_WAIT: frozenset({RunState.RUNNING, RunState.CANCELLED}),
    **{state: frozenset() for state in FINAL_STATES},
}
"""All legal moves. Any other is a bug; stores check it with `RunState.assert_becomes`."""


class AttemptState(StrEnum):
    """The state of one process execution. `starting`: the intent is recorded, the execution not proven.

    `skipped`: it ran, and its exit code says that there was nothing to do.
    """

    STARTING = "starting"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    CANCELLED = "cancelled"
    LOST = "lost"
    SKIPPED = "skipped"
    NOT_STARTED = "not_started"


START_REASONS = frozenset(
    {
        Reason.START_ERROR,
        Reason.TEMPLATE_ERROR,
        Reason.WORKING_DIR_MISSING,
        Reason.SECRET_NOT_AVAILABLE,
        Reason.ENV_FILE,
        Reason.DEADLINE,
        Reason.NOT_TAKEN,
    }
)
"""Reasons that mean that an attempt could not be started, so nothing ran."""


class TriggerKind(StrEnum):
    """Why a run exists. `catchup` is a schedule's occurrence that runs after its time."""

    SCHEDULE = "schedule"
    CATCHUP = "catchup"
    MANUAL = "manual"
    BOOT = "boot"
    FILE = "file"
    AFTER = "after"
    WEBHOOK = "webhook"
    BACKFILL = "backfill"

    @property
    def is_scheduled(self) -> bool:
        """Whether the run is an occurrence of a schedule."""
        return self in (TriggerKind.SCHEDULE, TriggerKind.CATCHUP)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Occurrence(Shown):
    """One instant at which a trigger requires a run.

    (job, schedule_key, scheduled_for, clock_epoch) is its identity: the ledger has one record of each;
    without a schedule key, each occurrence is a new one.
    """

    job: str
    trigger: TriggerKind
    schedule_key: str | None
    scheduled_for: datetime
    clock_epoch: int = 0
    arguments: Mapping[str, Value] = field(default_factory=dict)
    not_before: datetime
    start_by: datetime | None = None
    requested_by: str = ""
    retry_of: str | None = None
    trigger_values: Mapping[str, Value] = field(default_factory=dict)
    caused_by: str | None = None
    idempotency_key: str = ""
    """In place of the one that its job would give it."""


class TriggerEvent(NamedTuple):
    """Something that happened outside the schedules, and for which a trigger wants a run of a job.

    (job, trigger, identity) is its identity: the ledger makes a run of it at most once.
    """

    job: str
    trigger: TriggerKind
    identity: str
    at: datetime
    """The time that the run is for."""
    trigger_values: Mapping[str, Value] = {}
    caused_by: str | None = None
    arguments: Mapping[str, Value] = {}
    """The params of the run; the job's defaults fill the rest."""
    not_run: str = ""
    """The reason for which it makes no run, but a record of that; empty when it makes one."""
    detail: str = ""
    retry_of: str | None = None
    """The earlier record of the same event in whose place it runs, because the reason for it is gone."""
    mount: str = ""
    """The mount point that its file is on."""


class AttemptKey(NamedTuple):
    """Which attempt: each executes one step of a run, or the whole of a job with one action."""

    run_id: str
    number: int
    """From 1, for each step and item."""
    step: str = ""
    """The step's name; "" for a job with one action."""
    item: int = 0
    """Which item of a step with `for_each`, from 1; 0 for other steps."""

    @property
    def id(self) -> str:
        """The attempt's name, which its supervisor reports when it has ended."""
        return f"{self.run_id}-{self._place}{self.number}"

    @property
    def folder(self) -> str:
        """The name of its folder, and the start of the name of its evidence, beside the run's folder."""
        return f"{self.run_id}.{self._place}{self.number}"

    @property
    def marks(self) -> dict[str, str]:
        """The entries in the environment of its processes that name the attempt they belong to."""
        marks = {"JOBFILE_RUN_ID": self.run_id, "JOBFILE_ATTEMPT": str(self.number)}
        if self.step:
            marks["JOBFILE_STEP"] = self.step
        if self.item:
            marks["JOBFILE_ITEM"] = str(self.item)
        return marks

    @property
    def _place(self) -> str:
        # The number comes last, because `RUN.1.evidence` is a file of attempt 1: a step named `evidence` has
        # `RUN.evidence.1`.
        if not self.step:
            return ""
        return f"{self.step}.{self.item}." if self.item else f"{self.step}."


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Run(Shown):
    """One effort to do a job with bound arguments, or the record that it was not made."""

    id: str
    job: str
    digest: str
    generation: int | None
    trigger: TriggerKind
    schedule_key: str | None
    scheduled_for: datetime
    params: Mapping[str, Value]
    state: RunState
    reason: str = ""
    detail: str = ""
    queued_at: datetime
    not_before: datetime
    start_by: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    retry_at: datetime | None = None
    attempt: int = 0
    concurrency_key: str
    concurrency_limit: int | None
    exit_code: int | None = None
    requested_by: str = ""
    stop_requested: str = ""
    retry_of: str | None = None
    clock_epoch: int = 0
    resolved: str = ""
    """How a lost run ended, when that was found later: a final state's name."""
    begun_at: datetime | None = None
    """When the newest round of its steps began; None for a job with one action."""
    matrix: Mapping[str, Scalar] = field(default_factory=dict)
    """Its combination; empty for a job without a matrix."""
    occurrence: str = ""
    """The id of the first run of its occurrence, if that has a matrix: all its runs share it, and the
    manual retries of them.
    """
    slot: str = ""
    """Runs with one slot count once against their concurrency limit; without a slot a run counts alone."""
    combinations: int = 0
    """The number of runs of its occurrence; 0 without a matrix."""
    trigger_values: Mapping[str, Value] = field(default_factory=dict)
    """What its templates read as `trigger.*`, by the name after the first dot: `path`, `outputs.rows`."""
    caused_by: str | None = None
    """The id of the run that led to it: the one whose end it follows, or from which it was requested."""
    idempotency_key: str = ""
    queue: str = ""
    """The queue whose slots it shares; "" for a job without one."""
    queue_slots: int | None = None
    priority: int = 0
    """Its place among the runs that wait: higher ones start first."""

    @property
    def verdict(self) -> RunState:
        """The state that answers count: a lost run whose end was found later has that end."""
        return RunState(self.resolved) if self.resolved else self.state

    @property
    def was_executed(self) -> bool:
        """Whether its command ran, or may have run.

        An attempt that could not be started is never retried, so it can only be the last: all earlier ones
        ran.
        """
        if self.begun_at is not None:
            return True  # an earlier step may have run
        is_start_error = self.state is RunState.FAILED and self.reason in START_REASONS
        return self.attempt > (1 if is_start_error else 0)

    @property
    def last_attempt(self) -> AttemptKey:
        """Its attempt with the highest number, if it has one action."""
        return AttemptKey(self.id, self.attempt)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Attempt(Shown):
    """One process execution of a run, numbered from 1 for each step and item."""

    run_id: str
    number: int
    step: str = ""
    item: int = 0
    state: AttemptState
    boot_id: str
    created_at: datetime
    started_at: datetime | None = None
    ended_at: datetime | None = None
    exit_code: int | None = None
    signal: int | None = None
    reason: str = ""
    detail: str = ""
    output_bytes: int = 0
    output_dropped: int = 0
    leftover_processes: int = 0
    max_rss_kb: int | None = None
    cpu_seconds: float | None = None
    resolved: str = ""

    @property
    def key(self) -> AttemptKey:
        """Which attempt it is."""
        return AttemptKey(self.run_id, self.number, self.step, self.item)

    @property
    def id(self) -> str:
        """The name of the attempt everywhere outside the ledger."""
        return self.key.id


# Outcomes: how an attempt ended


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Artifact(Shown):
    """A file that an attempt kept, or that a pattern of its job matched and that is not kept."""

    name: str
    r"""With secrets masked, and bytes that are not UTF-8 as `\xe9`; empty when `note` is about all files."""
    size: int = 0
    sha256: str = ""
    copy: int = 0
    """The name of its copy, from 1; 0 when there is none."""
    note: str = ""
    """Why it is not kept, or what is wrong with the copy."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Ended(Shown):
    """The process ran, and its sealed evidence has its end; only this can be a success."""

    started_at: datetime
    ended_at: datetime
    exit_code: int | None = None
    signal: int | None = None
    timed_out: bool = False
    stopped: bool = False
    out_of_memory: bool = False
    """The kernel killed a process because memory ran out, and nothing else killed the attempt."""
    limit: str = ""
    """What ended it, if it was a limit of its job: memory, cpu_seconds, file_size; or `container`, if that
    could not be made.
    """
    max_rss_kb: int | None = None
    cpu_seconds: float | None = None
    output_bytes: int = 0
    output_dropped: int = 0
    stdout_bytes: int | None = None
    """How much it wrote to this stream; None if its streams were not apart."""
    stderr_bytes: int | None = None
    leftover_processes: int = 0
    outputs: str | None = ""
    """What it wrote as its outputs, with secrets masked; None when an end is only assumed."""
    outputs_bytes: int = 0
    outputs_trouble: str = ""
    """Why its outputs cannot be read."""
    artifacts: tuple[Artifact, ...] = ()
    """The files that it kept."""
    unmet: str = ""
    """Which check of `expect` its files and its log do not pass; not part of its evidence."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class StartError(Shown):
    """The program could not be executed, or something that it needs was missing: it did not run."""

    at: datetime
    reason: str
    detail: str = ""

    def __post_init__(self) -> None:
        """Refuse other reasons: by these, every answer knows that nothing ran."""
        assert self.reason in START_REASONS, f"{self.reason} is not a reason of a start error"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Lost(Shown):
    """Supervision ended without a result: neither success nor failure can be concluded."""

    at: datetime
    reason: str
    detail: str = ""
    leftover_processes: int = 0


Outcome = Ended | StartError | Lost


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Verdict(Shown):
    """What the store records after an outcome: the attempt's end and the run's next state."""

    attempt_state: AttemptState
    run_state: RunState
    reason: str = ""
    detail: str = ""
    ended_at: datetime
    retry_at: datetime | None = None
