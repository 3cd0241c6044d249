"""The course of a run with steps: its beginning, the end of each attempt, and its end.

Each function records one change and everything that follows from it in the caller's transaction: so after a
crash, the ledger never has a step that is ready and that no engine will ever start.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from engine.core.artifacts import artifacts_of
from engine.core.events import Event, OutputsUndeclared, RunSettled, StepSettled
from engine.core.lifecycle import AttemptKey, AttemptState, Ended, Outcome, Run, RunState, Verdict
from engine.core.outputs import Outputs, outputs_of
from engine.core.reasons import Reason
from engine.core.records import Output
from engine.core.retry import asked_wait, attempt_limit, settle, settle_round, time_to_deadline
from engine.core.step_states import StepKey, StepRun, StepState
from engine.core.steps import advance, conclusion, kept_by_hand, kept_for_retry, skip_rest, steps_scope
from engine.core.vocabulary import short
from engine.ledger.store_ports import Execution, Requesting
from engine.notifications.noting import owe_for_run
from engine.transactions.lateness import note_long_run
from engine.transactions.odd import note_odd
from engine.transactions.pause import pause_after_failures
from engine.transactions.stop import why_gone
from engine.transactions.templates import template_values
from jobfile.model.expectations import ExpectSpec
from jobfile.model.jobs import JobSpec, StepsAction, StepSpec
from jobfile.model.namedtuple import NamedTuple
from jobfile.model.values import Scalar, Value


class ToStart(NamedTuple):
    """An attempt whose intent is recorded, with what is needed to prepare it."""

    run: Run
    attempt: AttemptKey
    scope: Callable[[], Mapping[str, object]] = dict
    """For a step: returns the values of `steps` in its templates, and `item`."""


class Courses:
    """The states of the steps of running runs: those of the ledger, kept in memory.

    A run with a long list would otherwise be read again at the end of each item. When a transaction fails,
    its caller must forget them.
    """

    def __init__(self, store: Execution) -> None:
        """Read nothing yet."""
        self.store = store
        self._states: dict[str, dict[StepKey, StepRun]] = {}
        self._scopes: dict[str, tuple[object, Mapping[str, object]]] = {}

    def forget(self) -> None:
        """Read everything again when it is needed."""
        self._states.clear()
        self._scopes.clear()

    def of(self, run_id: str) -> dict[StepKey, StepRun]:
        """The states of a run; the caller may not change them."""
        if run_id not in self._states:
            self._states[run_id] = {one.key: one for one in self.store.steps.of_run(run_id)}
        return self._states[run_id]

    def set(self, run_id: str, changed: Mapping[StepKey, StepRun]) -> None:
        """Record states."""
        self.store.steps.set(run_id, changed.values())
        self.of(run_id).update(changed)

    def restart(self, run_id: str, kept: Mapping[StepKey, StepRun]) -> None:
        """Forget all states but these: a retry decides the others again."""
        self.store.steps.drop(run_id, self.of(run_id).keys() - kept.keys())
        self._states[run_id] = dict(kept)

    def start(self, run_id: str, one: StepRun, *, boot_id: str, now: datetime) -> AttemptKey | None:
        """Record the intent to execute a step; None when it may not start any more."""
        key = self.store.steps.start(run_id, one.key, boot_id=boot_id, now=now)
        if key is not None:
            began = {"state": StepState.RUNNING, "reason": "", "detail": "", "retry_at": None}
            count = {"attempt": key.number, "tries": one.tries + 1}
            self.of(run_id)[one.key] = replace(one, **began, **count)  # type: ignore[arg-type]  # of its fields
        return key

    def end(self, run_id: str) -> None:
        """A run is over, or waits for its retry."""
        self._states.pop(run_id, None)
        self._scopes.pop(run_id, None)

    def scope(self, run: Run, spec: JobSpec) -> Mapping[str, object]:
        """The values of `steps.ID…` in expressions. They change only when a whole step does."""
        states = self.of(run.id)
        wholes = tuple(states.get(StepKey(step.name)) for step in _action(spec).steps)
        known = self._scopes.get(run.id)
        if known is None or known[0] != wholes:
            over = {one.step for one in wholes if one is not None and one.state.is_final}
            seen = {key: one for key, one in states.items() if key.step in over}
            known = wholes, steps_scope(_action(spec), seen, _by_step(self.store.past.outputs(run.id)))
            self._scopes[run.id] = known
        return known[1]


def as_executed(spec: JobSpec, run: Run, attempt: AttemptKey, *, now: datetime) -> JobSpec | None:
    """What an attempt executes, with the time that it has; None when its deadline has passed."""
    left = time_to_deadline(spec, run, now=now)
    if left is not None and left.total_seconds() <= 0:
        return None
    if attempt.step:
        return replace(step_as_job(spec, attempt.step), timeout=time_left(spec, run, attempt.step, now=now))
    return spec if left is None else replace(spec, timeout=attempt_limit(spec, run, now=now))


def has_steps(spec: JobSpec) -> bool:
    """Whether a job has steps."""
    return isinstance(spec.action, StepsAction)


def steps_of(spec: JobSpec) -> tuple[StepSpec, ...]:
    """The steps of a job; none for a job with one action."""
    return spec.action.steps if isinstance(spec.action, StepsAction) else ()


def begin(courses: Courses, run: Run, spec: JobSpec, *, now: datetime) -> list[Event] | None:
    """Begin a run, or its retry, which continues at the first failed step; None if it may not start now."""
    if not courses.store.steps.begin_round(run, now=now):
        return None
    begun = replace(run, state=RunState.RUNNING, attempt=run.attempt + 1, begun_at=now, reason="", detail="")
    kept = kept_for_retry(_action(spec), courses.of(run.id))
    # Steps that have all done their work did not leave what is expected: so all run again.
    courses.restart(run.id, {} if conclusion(_action(spec), kept) is not None else kept)
    return _go_on(courses, begun, spec, now=now)


def keep_steps(store: Requesting, run: Run, old: Run, spec: JobSpec) -> None:
    """Record which steps of a new run have succeeded in the run that it retries, with their outputs.

    It is for a job that has not changed since; the files of these steps must be in the folder of the new run.
    """
    kept = kept_of(store.steps.of_run(old.id), old, spec)
    store.steps.set(run.id, kept.values())
    outputs = _by_step(store.past.outputs(old.id))
    for key in kept:
        store.past.set_outputs(AttemptKey(run.id, 1, key.step, key.item), outputs.get(key, {}))


def kept_of(steps: Iterable[StepRun], old: Run, spec: JobSpec) -> Mapping[StepKey, StepRun]:
    """The steps of a run that a new run of the same definition need not run again."""
    if old.reason == Reason.EXPECTATION:
        return {}
    return kept_by_hand(_action(spec), {one.key: one for one in steps}, old=short(old.id))


def settle_steps(
    courses: Courses,
    run: Run,
    spec: JobSpec,
    ended: Mapping[AttemptKey, Outcome],
    *,
    now: datetime,
) -> list[Event]:
    """Record the ends of attempts of steps, and what follows: other steps, a retry, the end of the run.

    What follows is decided once for all of them: it looks at each step, and at each item of a list.
    """
    events = [
        one
        for attempt, outcome in ended.items()
        for one in _settle_step(courses, run, spec, attempt, outcome, now=now)
    ]
    unmet = next((one.unmet for one in ended.values() if isinstance(one, Ended) and one.unmet), "")
    return events + _go_on(courses, run, spec, now=now, unmet=unmet) if events else []


def _settle_step(
    courses: Courses,
    run: Run,
    spec: JobSpec,
    attempt: AttemptKey,
    outcome: Outcome,
    *,
    now: datetime,
) -> list[Event]:
    """Record the end of an attempt; no events if it is recorded already."""
    key = StepKey(attempt.step, attempt.item)
    before = courses.of(run.id).get(key)
    if before is None or before.attempt != attempt.number or before.state is not StepState.RUNNING:
        return []
    seen = step_as_job(spec, attempt.step)
    outcome = replace(outcome, unmet="") if isinstance(outcome, Ended) else outcome
    outputs = outputs_of(outcome, seen)
    tried = replace(run, id=attempt.id, attempt=before.tries)  # each step has its own jitter
    verdict = settle(tried, outcome, spec=seen, now=now, outputs=outputs)
    if verdict.run_state is RunState.RETRY_WAIT and (gone := why_gone(courses.store, run)):
        verdict = settle(tried, outcome, spec=seen, now=now, gone=gone, outputs=outputs)
    if not courses.store.steps.end_attempt(attempt, verdict, outcome):
        return []
    after = replace(
        before,
        state=StepState(verdict.run_state.value),
        reason=verdict.reason,
        detail=verdict.detail,
        retry_at=verdict.retry_at or _asked_until(verdict, outputs, now=now),
    )
    if seen.outputs:
        courses.store.past.set_outputs(attempt, outputs.values)
    courses.store.artifacts.add(attempt, artifacts_of(outcome))
    seconds = (outcome.ended_at - outcome.started_at).total_seconds() if isinstance(outcome, Ended) else None
    events: list[Event] = [StepSettled(run=run, step=after, seconds=seconds)]
    if outputs.undeclared:
        events.append(OutputsUndeclared(run=run, number=attempt.number, names=outputs.undeclared))
    courses.set(run.id, {key: after})
    return events


def _asked_until(verdict: Verdict, outputs: Outputs, *, now: datetime) -> datetime | None:
    """Until when the server of a failed request asks to wait: a retry of the whole run does so, too."""
    wait = asked_wait(outputs)
    return now + wait if verdict.run_state is RunState.FAILED and wait else None


def break_off(
    courses: Courses, run: Run, ended: Mapping[AttemptKey, Outcome], *, why: str, now: datetime
) -> list[Event]:
    """Record the ends of attempts of a run whose definition cannot be read any more.

    Its other attempts continue to their ends; after the last one, the run has failed.
    """
    states, spec = courses.of(run.id), courses.store.definition(run.digest)
    is_recorded = False
    for attempt, outcome in ended.items():
        before = states.get(StepKey(attempt.step, attempt.item))
        if before is None:
            continue
        verdict = settle(replace(run, id=attempt.id, attempt=before.tries), outcome, spec=spec, now=now)
        if not courses.store.steps.end_attempt(attempt, verdict, outcome):
            continue
        state = StepState(verdict.run_state.value)
        after = replace(before, state=state, reason=verdict.reason, detail=verdict.detail)
        courses.set(run.id, {before.key: after})
        is_recorded = True
    if not is_recorded or any(
        one.state is StepState.RUNNING and one.items is None for one in states.values()
    ):
        return []
    return fail_unread(courses, run, why=why, now=now)


def fail_unread(courses: Courses, run: Run, *, why: str, now: datetime) -> list[Event]:
    """End a run whose definition cannot be read any more, and of which nothing runs."""
    reason = Reason.START_ERROR
    rest = {
        key: replace(one, state=StepState.CANCELLED, reason=reason, retry_at=None)
        for key, one in courses.of(run.id).items()
        if not one.state.is_final
    }
    courses.set(run.id, rest)
    courses.end(run.id)
    verdict = Verdict(
        attempt_state=AttemptState.FAILED,
        run_state=RunState.FAILED,
        reason=reason,
        detail=why,
        ended_at=now,
    )
    return _end(courses.store, run, courses.store.definition(run.digest), verdict, now=now)


def stop_rest(courses: Courses, run: Run, spec: JobSpec, *, now: datetime) -> list[Event]:
    """Skip what has not started of a run that is being ended."""
    return _go_on(courses, run, spec, now=now)


def startable(courses: Courses, *, limit: int, boot_id: str, now: datetime) -> list[ToStart]:
    """Record attempts of steps that may start now."""
    found = []
    for run_id, one in courses.store.steps.startable(now=now, limit=limit):
        run = courses.store.run(run_id)
        if run is not None and courses.store.definition_trouble(run.digest):
            continue  # the worker ends it with its last attempt
        key = None if run is None else courses.start(run_id, one, boot_id=boot_id, now=now)
        if run is not None and key is not None:
            found.append(to_start(courses, run, key))
    return found


def still_to_start(courses: Courses, key: AttemptKey) -> list[ToStart]:
    """An attempt that was never executed, if its run still waits for it."""
    run = courses.store.run(key.run_id)
    if run is None:
        return []
    if key.step:
        place = (key.step, key.item, key.number)
        steps = courses.store.steps.of_run(run.id)
        is_open = any((one.step, one.item, one.attempt) == place for one in steps)
        return [to_start(courses, run, key)] if is_open else []
    return [ToStart(run, key)] if run.last_attempt == key else []


def to_start(courses: Courses, run: Run, attempt: AttemptKey) -> ToStart:
    """An attempt of a step. The values of `steps` and `item` in its templates are read when needed."""

    def scope() -> Mapping[str, object]:
        found: dict[str, object] = {"steps": courses.scope(run, courses.store.definition(run.digest))}
        if attempt.item:
            items: Sequence[Scalar] = courses.of(run.id)[StepKey(attempt.step)].items or ()
            found["item"] = items[attempt.item - 1]
        return found

    return ToStart(run, attempt, scope)


def step_as_job(spec: JobSpec, name: str) -> JobSpec:
    """The job as one of its steps executes it."""
    step = _step(spec, name)
    return replace(
        spec,
        action=step.action,
        env={**spec.env, **step.env},
        env_file=step.env_file,
        secrets={**spec.secrets, **step.secrets},
        working_dir=step.working_dir or spec.working_dir,
        container=step.container,
        timeout=step.timeout,
        retry=step.retry,
        outputs=step.outputs,
        skip_exit=step.skip_exit,
        expect=ExpectSpec(),  # it is about the whole run
    )


def time_left(spec: JobSpec, run: Run, name: str, *, now: datetime) -> timedelta | None:
    """How long an attempt of a step may take: its own timeout, and what the job's limits leave."""
    own = _step(spec, name).timeout
    left = None
    if spec.timeout is not None and run.begun_at is not None:
        left = max(timedelta(), spec.timeout - (now - run.begun_at))
    until = time_to_deadline(spec, run, now=now)
    return min((one for one in (own, left, until) if one is not None), default=None)


def _go_on(courses: Courses, run: Run, spec: JobSpec, *, now: datetime, unmet: str = "") -> list[Event]:
    """Decide what follows from the states of the steps; end the run when all are over."""
    action, states = _action(spec), courses.of(run.id)

    def scope(found: Mapping[StepKey, StepRun]) -> Mapping[str, object]:
        known = template_values(spec, run)
        return {**known, "steps": steps_scope(action, found, _by_step(courses.store.past.outputs(run.id)))}

    if run.state is RunState.CANCELLING:
        changed = skip_rest(action, states, reason=run.reason)
    else:
        changed = advance(action, states, scope=scope)
    courses.set(run.id, changed)
    events: list[Event] = [
        StepSettled(run=run, step=one, seconds=None) for one in changed.values() if one.state.is_final
    ]
    end = conclusion(action, states)
    if end is None:
        return events
    verdict = settle_round(run, end, spec=spec, now=now, unmet=unmet)
    if verdict.run_state is RunState.RETRY_WAIT and (gone := why_gone(courses.store, run)):
        verdict = settle_round(run, end, spec=spec, now=now, gone=gone, unmet=unmet)
    courses.end(run.id)
    return events + _end(courses.store, run, spec, verdict, now=now)


def _end(store: Execution, run: Run, spec: JobSpec, verdict: Verdict, *, now: datetime) -> list[Event]:
    """Record the end of a run, or of its round, with notifications and an automatic pause."""
    if not store.steps.end_round(run, verdict):
        return []
    settled = replace(
        run,
        state=verdict.run_state,
        reason=verdict.reason,
        detail=verdict.detail,
        ended_at=verdict.ended_at,
        retry_at=verdict.retry_at,
    )
    late = note_long_run(store, settled, spec, now=now)
    owe_for_run(store, settled, spec, now=now)
    seconds = None if run.begun_at is None else (now - run.begun_at).total_seconds()
    note_odd(store, settled, spec, length=now - (run.begun_at or now), outputs={}, now=now)
    reports: list[Event] = [RunSettled(run=settled, number=run.attempt, seconds=seconds)]
    return reports + late + pause_after_failures(store, settled, spec, now=now)


def _by_step(outputs: Iterable[Output]) -> dict[StepKey, dict[str, Value]]:
    found: dict[StepKey, dict[str, Value]] = {}
    for one in outputs:
        found.setdefault(StepKey(one.step, one.item), {})[one.name] = one.value
    return found


def _action(spec: JobSpec) -> StepsAction:
    assert isinstance(spec.action, StepsAction), f"{spec.name} has no steps"
    return spec.action


def _step(spec: JobSpec, name: str) -> StepSpec:
    return next(step for step in _action(spec).steps if step.name == name)
