"""Calls the decisions of the engine's core for the simulation."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final

from engine.core.lateness import deadline_of, local_day
from engine.core.lifecycle import Ended, Run, RunState, StartError, TriggerKind
from engine.core.reasons import Reason
from engine.core.records import Pause
from engine.core.retry import attempt_limit, settle, settle_round
from engine.core.steps import Conclusion, kept_for_retry
from engine.simulation.courses import Assumptions, Course, Stop, course_of
from engine.simulation.subject import Absence, Assumed, Setting, SimRun, Subject
from engine.transactions.account import bound_params
from engine.transactions.pause import BY_FAILURES
from engine.transactions.templates import concurrency_key, idempotency_key, template_values
from jobfile.expressions.expression import EvaluationError
from jobfile.expressions.template import evaluate_source
from jobfile.model.jobs import JobSpec, StepsAction
from jobfile.model.values import Value

GOOD: Final = "good"
BAD: Final = "bad"
OVER_TIME: Final = "over time"
TOO_LATE: Final = "too late"
_SOME_TIME: Final = datetime(2000, 1, 1, tzinfo=UTC)
_ENDINGS: Final[Mapping[str, Ended | StartError]] = {
    GOOD: Ended(started_at=_SOME_TIME, ended_at=_SOME_TIME, exit_code=0),
    BAD: Ended(started_at=_SOME_TIME, ended_at=_SOME_TIME, exit_code=1),
    OVER_TIME: Ended(started_at=_SOME_TIME, ended_at=_SOME_TIME, signal=15, timed_out=True),
    TOO_LATE: StartError(at=_SOME_TIME, reason=Reason.DEADLINE),
}


def verdict(run: SimRun, ending: str, *, ended_at: datetime, now: datetime) -> tuple[RunState, str]:
    """The engine's verdict, made now, on the end of an attempt.

    Without a deadline it is the same for all runs of a job, so it is cached.
    """
    if run.subject.spec.deadline is not None:
        outcome = _ENDINGS[ending]
        if isinstance(outcome, Ended):
            outcome = replace(outcome, started_at=run.began_at, ended_at=ended_at)
        decided = settle(run, outcome, spec=run.subject.spec, now=now)
        return decided.run_state, decided.reason
    known = run.subject.verdicts
    key = (run.state, run.attempt, ending)
    if key not in known:
        found = settle(run, _ENDINGS[ending], spec=run.subject.spec, now=_SOME_TIME)
        known[key] = (found.run_state, found.reason)
    return known[key]


def cut_short(run: SimRun, *, now: datetime) -> tuple[str, timedelta]:
    """How a limit ends an attempt that starts now (empty: it ends as assumed), and after what time."""
    subject = run.subject
    most, length = attempt_limit(subject.spec, run, now=now), subject.assumed.length
    if most is None or length <= most:
        return "", length
    return (OVER_TIME, most) if most > timedelta() else (TOO_LATE, timedelta())


def round_verdict(run: SimRun, end: Conclusion, *, now: datetime) -> tuple[RunState, str]:
    """The engine's verdict on a run whose steps are over."""
    found = settle_round(run, end, spec=run.subject.spec, now=now)
    return found.run_state, found.reason


def begin_course(run: SimRun, setting: Setting, *, now: datetime) -> Course:
    """The course of a run with steps that starts now; a retry continues at the first failed step."""
    subject, action, absences = run.subject, run.subject.spec.action, setting.absences
    assert isinstance(action, StepsAction)
    usual = subject.usual_course
    if usual is not None and run.course is None and not _is_absent(absences, now, usual.length):
        return usual
    run.kept = {} if run.course is None else kept_for_retry(action, run.course.states)
    found = _course(run, setting, begun_at=now)
    # For speed: a month has many runs, and without failures and expressions all go the same way.
    has_expressions = any(step.condition or step.for_each for step in action.steps)
    is_usual = found.end.state is RunState.SUCCEEDED and not has_expressions and not subject.steps_fail
    if is_usual and not _is_absent(absences, now, found.length):
        subject.usual_course = found
    return found


def stopped_course(run: SimRun, setting: Setting, *, now: datetime) -> Course:
    """The course of a run with steps that is replaced now."""
    return _course(run, setting, begun_at=run.began_at, stop_at=now)


def _course(run: SimRun, setting: Setting, *, begun_at: datetime, stop_at: datetime | None = None) -> Course:
    subject, made = run.subject, replace(as_run(run), state=RunState.RUNNING)
    return course_of(
        subject.spec,
        made,
        run.kept,
        begun_at=begun_at,
        values=template_values(subject.spec, made),
        assumed=Assumptions(
            subject.step_lengths,
            partial(subject.step_fails, run, setting.seed),
            partial(_awake, setting.absences),
        ),
        stop=None if stop_at is None else Stop(stop_at, is_settled_first=run.is_settled_first),
    )


def _is_absent(absences: Sequence[Absence], since: datetime, length: timedelta) -> bool:
    """Whether no engine runs for a part of a time."""
    return any(one.since <= since + length and since < one.until for one in absences)


def _awake(absences: Sequence[Absence], at: datetime) -> datetime:
    """The first instant from `at` at which an engine runs."""
    return next((one.until for one in absences if one.since <= at < one.until), at)


def length_of_steps(spec: JobSpec, steps: Mapping[str, Assumed]) -> timedelta:
    """The length of a run in which no step fails."""
    failing_none = {name: replace(one, failing=0.0) for name, one in steps.items()}
    subject = Subject(0, spec, Assumed(length=timedelta(), steps=failing_none))
    run = SimRun(subject, _SOME_TIME, TriggerKind.SCHEDULE, _SOME_TIME)
    run.state, run.params = RunState.RUNNING, bound(spec, {})
    run.matrix = spec.matrix[0] if spec.matrix else {}
    setting = Setting(jobs=(), since=_SOME_TIME, until=_SOME_TIME, assumed={})
    return begin_course(run, setting, now=_SOME_TIME).length


def bound(spec: JobSpec, arguments: Mapping[str, Value]) -> dict[str, Value]:
    """The params of a run."""
    return bound_params(spec, arguments)


def rendered_key(run: SimRun) -> str:
    """The concurrency key of a run. Raises EvaluationError, but not for an output of another job: no run
    gives one here, so all keys that name it are equal.
    """
    try:
        return concurrency_key(run.subject.spec, as_run(run))
    except EvaluationError as error:
        if not _needs_output(run, error):
            raise
        return f"{run.subject.spec.name}: {run.subject.spec.concurrency.key}"


def idempotency_key_of(run: SimRun) -> str:
    """The idempotency key of a run; empty if it has none, or if that names an output of another job."""
    if not run.subject.has_own_key:
        return ""
    try:
        return idempotency_key(run.subject.spec, as_run(run))
    except EvaluationError as error:
        if not _needs_output(run, error):
            raise
        return ""


def _needs_output(run: SimRun, error: EvaluationError) -> bool:
    return run.trigger is TriggerKind.AFTER and "`trigger.outputs." in str(error)


def holds(run: SimRun) -> bool:
    """Whether a run's `if` is true. A condition that only the real run could evaluate counts as true."""
    condition = run.subject.spec.condition
    if condition is None:
        return True
    try:
        return evaluate_source(condition, template_values(run.subject.spec, as_run(run))) is not False
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
    if done_by is None:
        return False
    by = deadline_of(done_by, spec.timezone, local_day(run.scheduled_for, spec.timezone))
    return by is not None and run.scheduled_for < by < now


def own_pause(subject: Subject) -> tuple[Pause, ...]:
    """The automatic pause of a job after failures, as a tuple of one; empty without one."""
    if subject.paused_at is None:
        return ()
    name = subject.spec.name
    return (Pause(name, BY_FAILURES, "engine", "failures", subject.paused_at, None, None, ""),)


def as_run(run: SimRun) -> Run:
    """A run of the simulation as one of the engine, with what decisions read."""
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
        reason=run.reason,
        trigger_values=run.values,
    )
    return replace(made, attempt=run.attempt, started_at=run.started_at)
