"""The input of a simulation: jobs, their assumed lengths and failures, events and absences."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from engine.core.admission import policy_for
from engine.core.due import Rules
from engine.core.lifecycle import RunState, TriggerKind
from engine.core.step_states import StepKey, StepRun
from engine.core.vocabulary import combination_text
from engine.triggers.schedule import rules_of
from jobfile.model.expectations import ExpectSpec
from jobfile.model.jobs import JobSpec, OverlapPolicy
from jobfile.model.values import Scalar, Value
from jobfile.schedule.occurrences import fires

if TYPE_CHECKING:
    from engine.simulation.courses import Course

CHANCES = 2**64
ANOTHER_RUN: Final = "another run"
"""What a run waits for if its concurrency limit holds it back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Absence:
    """No engine runs from `since` until just before `until`; running jobs continue."""

    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenEvent:
    """An event that a run is for: a request, a file, a call, or the end of another run."""

    at: datetime
    job: str
    trigger: TriggerKind = TriggerKind.MANUAL
    params: Mapping[str, Value] = field(default_factory=dict)
    values: Mapping[str, Value] = field(default_factory=dict)
    """What templates read as `trigger.*`."""
    not_run: str = ""
    """Why it makes no run, only a record that there is none; empty if it makes one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumed:
    """The length of an attempt of a job, and the share that fails; `is_known` if they come from history.

    `steps` has the same for each step of a job whose runs are simulated step by step; then the length of the
    run follows from them.
    """

    length: timedelta
    failing: float = 0.0
    is_known: bool = False
    steps: Mapping[str, "Assumed"] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """Everything that a simulation depends on: the same setting has the same outcome, to the byte."""

    jobs: Sequence[JobSpec]
    since: datetime
    until: datetime
    assumed: Mapping[str, Assumed]
    absences: Sequence[Absence] = ()
    events: Sequence[GivenEvent] = ()
    seed: int = 1
    max_running: int = 16
    catchup_starts: int = 2


class Lane:
    """The runs with one concurrency key."""

    __slots__ = ("active", "waiting")

    def __init__(self) -> None:
        """Begin with no runs."""
        self.active: list[SimRun] = []
        self.waiting: list[SimRun] = []

    def taken(self, run: "SimRun") -> int:
        """How many places are taken for a run: runs with one slot take one, and none from each other."""
        if run.occurrence is None:
            return slots_of(self.active)
        return slots_of([one for one in self.active if run.slot is None or one.slot is not run.slot])

    def is_after_catchup(self, run: "SimRun") -> bool:
        """Whether a run that waits comes after a catch-up run that waits, too: then it starts after that."""
        if run.was_held != ANOTHER_RUN:
            return False
        late = [
            one for one in self.waiting if one.trigger is TriggerKind.CATCHUP and one.was_held == ANOTHER_RUN
        ]
        queue = run.subject.queue
        return any(one.subject.queue == queue and one.order < run.order for one in late)

    def following(self, limit: int | None) -> "Sequence[SimRun]":
        """The waiting runs that are next: as many as the limit allows at once, and those with their slots.
        Those with a condition are among them: the engine decides it although another run takes the place.

        A full queue is no obstacle for the runs of another one.
        """
        counts: Counter[str] = Counter()
        first = []
        for one in sorted(self.waiting, key=lambda one: one.order):
            counts[one.subject.queue] += 1
            if counts[one.subject.queue] <= (limit or 1) or one.subject.has_condition:
                first.append(one)
        slots = {id(one.slot) for one in first if one.slot is not None}
        return [one for one in self.waiting if one in first or id(one.slot) in slots] if slots else first


def slots_of(runs: "Sequence[SimRun]") -> int:
    """The number of places that runs take under a limit."""
    if not any(run.slot is not None for run in runs):
        return len(runs)
    return len({id(run.slot or run) for run in runs})


class SimOccurrence:
    """An occurrence of a job with a matrix: how many of its runs are not over, and whether one failed."""

    __slots__ = ("has_failed", "has_succeeded", "left", "runs")

    def __init__(self, runs: "Sequence[SimRun]") -> None:
        """Nothing is over yet."""
        self.runs = runs
        self.left = len(runs)
        self.has_failed = False
        self.has_succeeded = False


class SimRun:
    """A run with the fields that decisions need.

    There may be millions, so defaults are class attributes and take no memory in each object.
    """

    id = ""
    number = 0
    attempt = 0
    state = RunState.QUEUED
    reason = ""
    detail = ""
    was_held = ""
    is_over = False
    is_ready = False
    obeys = False
    is_settled_first = False
    """Whether what had ended was settled before the run was replaced, as by an engine after an absence."""
    started_at: datetime | None = None
    ended_at: datetime | None = None
    began_at: datetime
    ending = ""
    """How its attempt will end, where that depends on its deadline."""
    course: "Course | None" = None
    """How its steps went, or will go, since it was started."""
    kept: Mapping[StepKey, StepRun] = MappingProxyType({})
    """The states with which its steps began."""
    params: Mapping[str, Value] = MappingProxyType({})
    matrix: Mapping[str, Scalar] = MappingProxyType({})
    values: Mapping[str, Value] = MappingProxyType({})
    """What its templates read as `trigger.*`."""
    occurrence: SimOccurrence | None = None
    slot: SimOccurrence | None = None

    def __init__(
        self, subject: "Subject", scheduled_for: datetime, trigger: TriggerKind, not_before: datetime
    ) -> None:
        """Make a queued, undecided run."""
        self.subject = subject
        self.scheduled_for = scheduled_for
        self.trigger = trigger
        self.not_before = not_before
        self.lane = subject.lane

    @property
    def order(self) -> tuple[int, datetime, int]:
        """Its place in starting order: priority, nominal time, arrival."""
        return -self.subject.priority, self.scheduled_for, self.number


class Subject:
    """One job in a simulation, with everything constant about it looked up once."""

    __slots__ = (
        "always_succeeds",
        "assumed",
        "concurrency",
        "failures_in_a_row",
        "has_condition",
        "has_key",
        "has_own_key",
        "index",
        "is_expected",
        "is_followed",
        "is_plain",
        "is_timed",
        "lane",
        "length",
        "paused_at",
        "policy",
        "priority",
        "queue",
        "rules",
        "spec",
        "start_deadline",
        "step_lengths",
        "steps_fail",
        "times_out",
        "usual_course",
        "verdicts",
    )

    def __init__(self, index: int, spec: JobSpec, assumed: Assumed) -> None:
        """`index` is the position of the job in the order of jobs."""
        self.index = index
        self.spec = spec
        self.assumed = assumed
        self.rules: Rules = rules_of(spec, spec.schedule)
        self.policy: OverlapPolicy = policy_for(spec, TriggerKind.SCHEDULE)
        is_too_long = spec.timeout is not None and assumed.length > spec.timeout
        self.times_out = is_too_long and not assumed.steps
        self.length = spec.timeout if self.times_out and spec.timeout is not None else assumed.length
        self.step_lengths = {name: one.length for name, one in assumed.steps.items()}
        self.steps_fail = any(one.failing > 0 for one in assumed.steps.values())
        self.usual_course: Course | None = None
        self.lane = Lane()
        self.is_followed = False
        """Whether other jobs follow it."""
        self.is_timed = False
        """Whether a job follows it and others for one nominal time."""
        self.queue = spec.queue.name if spec.queue is not None else ""
        self.failures_in_a_row = 0
        self.paused_at: datetime | None = None
        self.concurrency = spec.concurrency
        self.priority = spec.priority
        self.start_deadline = spec.start_deadline
        self.has_condition = spec.condition is not None
        is_cut = spec.deadline is not None
        self.always_succeeds = not (self.times_out or assumed.failing > 0 or assumed.steps or is_cut)
        self.is_expected = spec.expect != ExpectSpec()
        self.has_key = spec.concurrency.key is not None
        asks = bool(self.has_condition or self.has_key or assumed.steps or spec.matrix)
        self.has_own_key = spec.idempotency_key is not None
        asks = asks or spec.pause_on_failure is not None or self.has_own_key
        self.is_plain = not (asks or self.rules.delays or spec.start_deadline)
        self.verdicts: dict[tuple[RunState, int, str], tuple[RunState, str]] = {}

    def fails(self, run: SimRun, seed: int) -> bool:
        """Whether an attempt fails: it depends only on the seed and the
        attempt's identity, not on other events.
        """
        return _chance(seed, run, str(run.attempt)) < self.assumed.failing

    def step_fails(self, run: SimRun, seed: int, key: StepKey, attempt: int) -> bool:
        """The same for an attempt of a step."""
        identity = f"{run.attempt}|{key.step}|{key.item}|{attempt}"
        return _chance(seed, run, identity) < self.assumed.steps[key.step].failing


def _chance(seed: int, run: SimRun, identity: str) -> float:
    name = f"{seed}|{run.subject.spec.name}|{run.scheduled_for.isoformat()}|{identity}"
    name += combination_text(run.matrix)
    return int.from_bytes(sha256(name.encode()).digest()[:8], "big") / CHANCES


def first_due(
    subjects: Sequence[Subject], *, covered_until: datetime, now: datetime
) -> Iterator[tuple[datetime, int]]:
    """The first occurrence of each subject that is due, as an engine orders them when it starts."""
    for one in subjects:
        if one.spec.enabled and one.spec.schedule:
            first = next(fires(one.rules.entries, after=covered_until, until=now), None)
            if first is not None:
                yield first[0], one.index
