"""Calls the decisions of the engine's core for the simulation."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from engine.core.admission import Listed
from engine.core.lifecycle import Ended, Run, RunState
from engine.core.records import Pause
from engine.core.retry import settle
from engine.simulation.subject import Lane, SimOccurrence, SimRun, Subject, slots_of
from engine.transactions.account import bound_params, concurrency_key, names_an_axis, template_values
from engine.transactions.pause import BY_FAILURES
from jobfile.expressions.expression import EvaluationError
from jobfile.expressions.template import evaluate_source
from jobfile.model.jobs import AfterWhen, JobSpec, OverlapPolicy
from jobfile.model.values import Value
from jobfile.schedule.occurrences import load_zone

GOOD: Final = "good"
BAD: Final = "bad"
OVER_TIME: Final = "over time"
_SOME_TIME: Final = datetime(2000, 1, 1, tzinfo=UTC)
_ENDINGS: Final = {
    GOOD: Ended(started_at=_SOME_TIME, ended_at=_SOME_TIME, exit_code=0),
    BAD: Ended(started_at=_SOME_TIME, ended_at=_SOME_TIME, exit_code=1),
    OVER_TIME: Ended(started_at=_SOME_TIME, ended_at=_SOME_TIME, signal=15, timed_out=True),
}


def verdict(run: SimRun, ending: str) -> tuple[RunState, str]:
    """The engine's verdict on the end of an attempt.

    It is the same for all runs of a job, so it is cached.
    """
    known = run.subject.verdicts
    key = (run.state, run.attempt, ending)
    if key not in known:
        found = settle(run, _ENDINGS[ending], spec=run.subject.spec, now=_SOME_TIME)
        known[key] = (found.run_state, found.reason)
    return known[key]


class Besides:
    """The runs with a concurrency key, without those of one occurrence: `Others` for a run of a matrix."""

    def __init__(self, lane: Lane, run: SimRun, policy: OverlapPolicy) -> None:
        """Look for what blocks a run."""
        self._active = [one for one in lane.active if one.occurrence is not run.occurrence]
        waiting = [one for one in lane.waiting if one.occurrence is not run.occurrence]
        begun = {id(one.slot) for one in self._active if one.slot is not None}
        is_latest = policy is OverlapPolicy.LATEST
        self._waiting = [one for one in waiting if not (is_latest and id(one.slot) in begun)]

    def count(self, *, at_most: int) -> tuple[int, int]:
        """The numbers of active and waiting runs; those with one slot count once."""
        return min(slots_of(self._active), at_most), min(slots_of(self._waiting), at_most)

    def rows(self, *, limit: int | None = None) -> tuple[Sequence[SimRun], Sequence[SimRun]]:
        """The active and the waiting runs."""
        return Listed(self._active, self._waiting).rows(limit=limit)


def with_combinations(spec: JobSpec, run: SimRun) -> list[SimRun]:
    """The runs of an occurrence, of which one is made already: one for each combination of the matrix."""
    if not spec.matrix:
        return [run]
    runs = [
        run,
        *(SimRun(run.subject, run.scheduled_for, run.trigger, run.not_before) for _ in spec.matrix[1:]),
    ]
    occurrence = SimOccurrence(len(runs))
    for one, matrix in zip(runs, spec.matrix, strict=True):
        one.params, one.matrix, one.occurrence = run.params, matrix, occurrence
        one.slot = None if names_an_axis(spec) else occurrence
    return runs


def bound(spec: JobSpec, arguments: Mapping[str, Value]) -> dict[str, Value]:
    """The params of a run."""
    return bound_params(spec, arguments)


def rendered_key(run: SimRun) -> str:
    """The concurrency key of a run."""
    return concurrency_key(run.subject.spec, _as_run(run))


def holds(run: SimRun) -> bool:
    """Whether a run's `if` is true. A condition that only the real run could evaluate counts as true."""
    condition = run.subject.spec.condition
    if condition is None:
        return True
    try:
        return evaluate_source(condition, template_values(run.subject.spec, _as_run(run))) is not False
    except EvaluationError:
        return True


def is_late(run: SimRun, now: datetime) -> bool:
    """Whether a run ends too late for its job's `expect`: done by a time of day,
    or within a length of time.
    """
    spec = run.subject.spec
    length, done_by = spec.expect.max_duration, spec.expect.done_by
    if length is not None and run.started_at is not None and now - run.started_at > length:
        return True
    zone = load_zone(spec.timezone)
    if done_by is None or zone is None:
        return False
    hour, minute = map(int, done_by.split(":"))
    wanted = run.scheduled_for.astimezone(zone)
    return now > wanted.replace(hour=hour, minute=minute, second=0, microsecond=0)


def own_pause(subject: Subject) -> tuple[Pause, ...]:
    """The automatic pause of a job after failures, as a tuple of one; empty without one."""
    if subject.paused_at is None:
        return ()
    name = subject.spec.name
    return (Pause(name, BY_FAILURES, "engine", "failures", subject.paused_at, None, None, ""),)


def is_followed(state: RunState, when: str) -> bool:
    """Whether a run that ends in this state starts the jobs that follow it under the condition `when`."""
    is_good = state is RunState.SUCCEEDED
    return when == AfterWhen.ALWAYS or is_good == (when == AfterWhen.SUCCEEDED)


def _as_run(run: SimRun) -> Run:
    spec = run.subject.spec
    made = Run(
        id=run.id or f"{spec.name}/{run.number}",
        job=spec.name,
        digest="",
        generation=None,
        trigger=run.trigger,
        schedule_key=None,
        scheduled_for=run.scheduled_for,
        params=run.params,
        state=run.state,
        queued_at=run.scheduled_for,
        not_before=run.not_before,
        concurrency_key="",
        concurrency_limit=None,
        matrix=run.matrix,
    )
    return replace(made, attempt=run.attempt)
