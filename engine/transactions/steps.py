"""The course of a run with steps: its beginning, the end of each attempt, and its end.

Each function records one change and everything that follows from it in the caller's transaction: so after a
crash, the ledger never has a step whose turn has come and that nobody will start.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import NamedTuple

from engine.core.events import Event, OutputsUndeclared, RunSettled, StepSettled
from engine.core.lifecycle import AttemptKey, Ended, Outcome, Run, RunState, Verdict
from engine.core.outputs import outputs_of
from engine.core.retry import settle, settle_round
from engine.core.step_states import StepKey, StepRun, StepState
from engine.core.steps import advance, conclusion, kept_for_retry, skip_rest, steps_scope
from engine.ledger.store_ports import Execution
from engine.notifications.noting import owe_for_run
from engine.transactions.account import template_values
from engine.transactions.pause import pause_after_failures
from engine.transactions.stop import why_gone
from jobfile.model.jobs import JobSpec, StepsAction, StepSpec
from jobfile.model.values import Scalar, Value


class ToStart(NamedTuple):
    """An attempt whose intent is recorded, with what is needed to prepare it."""

    run: Run
    attempt: AttemptKey
    scope: Mapping[str, object] = {}
    """For a step: the values of `steps` in its templates, and `item`."""


def has_steps(spec: JobSpec) -> bool:
    """Whether a job has steps."""
    return isinstance(spec.action, StepsAction)


def begin(store: Execution, run: Run, spec: JobSpec, *, now: datetime) -> list[Event]:
    """Begin a run, or its retry, which continues at the first failed step, unless it may not start now."""
    if not store.steps.begin_round(run, now=now):
        return []
    begun = replace(run, state=RunState.RUNNING, attempt=run.attempt + 1, begun_at=now, reason="", detail="")
    known = _states(store, run.id)
    kept = kept_for_retry(_action(spec), known)
    store.steps.drop(run.id, known.keys() - kept.keys())
    return _go_on(store, begun, spec, dict(kept), now=now)


def settle_step(
    store: Execution, run: Run, spec: JobSpec, attempt: AttemptKey, outcome: Outcome, *, now: datetime
) -> list[Event]:
    """Record the end of an attempt of a step, and what follows: other steps, a retry, the end of the run."""
    states = _states(store, run.id)
    key = StepKey(attempt.step, attempt.item)
    before = states.get(key)
    if before is None or before.attempt != attempt.number or before.state is not StepState.RUNNING:
        return []
    seen = step_as_job(spec, attempt.step)
    outputs = outputs_of(outcome, seen)
    tried = replace(run, id=attempt.id, attempt=before.tries)  # the jitter of its wait is its own
    verdict = settle(tried, outcome, spec=seen, now=now, outputs=outputs)
    if verdict.run_state is RunState.RETRY_WAIT and (gone := why_gone(store, run)):
        verdict = settle(tried, outcome, spec=seen, now=now, gone=gone, outputs=outputs)
    if not store.steps.end_attempt(attempt, verdict, outcome):
        return []
    after = replace(
        before,
        state=StepState(verdict.run_state.value),
        reason=verdict.reason,
        detail=verdict.detail,
        retry_at=verdict.retry_at,
    )
    if seen.outputs:
        store.past.set_outputs(attempt, outputs.values)
    seconds = (outcome.ended_at - outcome.started_at).total_seconds() if isinstance(outcome, Ended) else None
    events: list[Event] = [StepSettled(run=run, step=after, seconds=seconds)]
    if outputs.undeclared:
        events.append(OutputsUndeclared(run=run, number=attempt.number, names=outputs.undeclared))
    states[key] = after
    store.steps.set(run.id, [after])
    return events + _go_on(store, run, spec, states, now=now)


def stop_rest(store: Execution, run: Run, spec: JobSpec, *, now: datetime) -> list[Event]:
    """Skip what has not started of a run that is being ended."""
    return _go_on(store, run, spec, _states(store, run.id), now=now)


def startable(store: Execution, *, limit: int, boot_id: str, now: datetime) -> list[ToStart]:
    """Record attempts of steps that may start now."""
    found = []
    for run_id, one in store.steps.startable(now=now, limit=limit):
        run = store.run(run_id)
        key = None if run is None else store.steps.start(run_id, one.key, boot_id=boot_id, now=now)
        if run is not None and key is not None:
            found.append(ToStart(run, key, scope_of(store, run, key)))
    return found


def scope_of(store: Execution, run: Run, attempt: AttemptKey) -> Mapping[str, object]:
    """The values of `steps` and `item` in the templates of an attempt."""
    states = _states(store, run.id)
    spec = store.definition(run.digest)
    scope: dict[str, object] = {"steps": steps_scope(_action(spec), states, _outputs(store, run.id))}
    if attempt.item:
        items: Sequence[Scalar] = states[StepKey(attempt.step)].items or ()
        scope["item"] = items[attempt.item - 1]
    return scope


def step_as_job(spec: JobSpec, name: str) -> JobSpec:
    """The job as one of its steps executes it."""
    step = _step(spec, name)
    return replace(
        spec,
        action=step.action,
        env={**spec.env, **step.env},
        secrets={**spec.secrets, **step.secrets},
        working_dir=step.working_dir or spec.working_dir,
        timeout=step.timeout,
        retry=step.retry,
        outputs=step.outputs,
    )


def time_left(spec: JobSpec, run: Run, name: str, *, now: datetime) -> timedelta | None:
    """How long an attempt of a step may take: its own timeout, and at most what is left of the job's."""
    own = _step(spec, name).timeout
    left = None
    if spec.timeout is not None and run.begun_at is not None:
        left = max(timedelta(), spec.timeout - (now - run.begun_at))
    return min((one for one in (own, left) if one is not None), default=None)


def _go_on(
    store: Execution, run: Run, spec: JobSpec, states: dict[StepKey, StepRun], *, now: datetime
) -> list[Event]:
    """Decide what follows from the states of the steps; end the run when all are over."""
    action = _action(spec)
    if run.state is RunState.CANCELLING:
        changed = skip_rest(action, states, reason=run.reason)
    else:
        outputs = _outputs(store, run.id)
        known = template_values(spec, run)
        changed = advance(
            action, states, scope=lambda found: {**known, "steps": steps_scope(action, found, outputs)}
        )
    store.steps.set(run.id, changed.values())
    states |= changed
    events: list[Event] = [
        StepSettled(run=run, step=one, seconds=None) for one in changed.values() if one.state.is_final
    ]
    end = conclusion(action, states)
    if end is None:
        return events
    verdict = settle_round(run, end, spec=spec, now=now)
    if verdict.run_state is RunState.RETRY_WAIT and (gone := why_gone(store, run)):
        verdict = settle_round(run, end, spec=spec, now=now, gone=gone)
    return events + _end(store, run, spec, verdict, now=now)


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
    owe_for_run(store, settled, spec, now=now)
    seconds = None if run.begun_at is None else (now - run.begun_at).total_seconds()
    told: list[Event] = [RunSettled(run=settled, number=run.attempt, seconds=seconds)]
    return told + pause_after_failures(store, settled, spec, now=now)


def _states(store: Execution, run_id: str) -> dict[StepKey, StepRun]:
    return {one.key: one for one in store.steps.of_run(run_id)}


def _outputs(store: Execution, run_id: str) -> dict[StepKey, dict[str, Value]]:
    found: dict[StepKey, dict[str, Value]] = {}
    for one in store.past.outputs(run_id):
        found.setdefault(StepKey(one.step, one.item), {})[one.name] = one.value
    return found


def _action(spec: JobSpec) -> StepsAction:
    assert isinstance(spec.action, StepsAction), f"{spec.name} has no steps"
    return spec.action


def _step(spec: JobSpec, name: str) -> StepSpec:
    return next(step for step in _action(spec).steps if step.name == name)
