"""Decides what the steps of a run do next: which may start, which are skipped, and when the run is over.

A step is decided once all steps that it needs are over. The states of steps and of items of a `for_each` are
values; `advance` returns those that change, and `conclusion` how the run ends when nothing is left to do.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, cast

from engine.core.conditions import unmet
from engine.core.lifecycle import RunState
from engine.core.reasons import Reason
from engine.core.step_states import BAD_STEPS, StepKey, StepRun, StepState
from jobfile.expressions.expression import EvaluationError
from jobfile.expressions.template import evaluate_source
from jobfile.model.jobs import StepsAction, StepSpec
from jobfile.model.values import Scalar, Value

MAX_ITEMS: Final = 1_000
"""Maximum number of items of a `for_each`."""


OWN_SKIPS: Final = (Reason.CONDITION, Reason.NOTHING_TO_DO)
"""Why a step skips itself: the steps that need it run, as after a success."""

States = Mapping[StepKey, StepRun]
Outputs = Mapping[StepKey, Mapping[str, Value]]
Scope = Callable[[], Mapping[str, object]]
ScopeOf = Callable[[States], Mapping[str, object]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Conclusion:
    """How a run with steps ended."""

    state: RunState
    reason: str = ""
    detail: str = ""
    step: str = ""
    """The step that decided, if the run did not succeed."""
    is_cut_short: bool = False
    """Whether steps were skipped because the run was ended."""
    asked_until: datetime | None = None
    """How long servers of failed requests ask to wait before the next."""


def advance(action: StepsAction, states: States, *, scope: ScopeOf) -> States:
    """The steps and items whose state changes now that all of `states` is known.

    `scope` returns the values of names in expressions, with those of the steps in `states`.
    """
    allowed = _allowed(action)
    known = dict(states)
    changed: dict[StepKey, StepRun] = {}
    is_moving = True
    while is_moving:  # a step that is skipped may decide another
        found = {one.key: one for step in action.steps for one in _next_of(step, known, scope, allowed)}
        is_moving = bool(found)
        known |= found
        changed |= found
    return changed


def _allowed(action: StepsAction) -> frozenset[str]:
    """The steps whose failure neither stops other steps nor fails the run."""
    return frozenset(step.name for step in action.steps if step.allow_failure)


def _next_of(
    step: StepSpec,
    known: States,
    scope: ScopeOf,
    allowed: frozenset[str],
) -> Iterator[StepRun]:
    """What changes for one step."""
    whole = known.get(StepKey(step.name))
    if whole is None:
        needs = [known.get(StepKey(name)) for name in step.needs]
        if all(one is not None and one.state.is_final for one in needs):
            over = [one for one in needs if one is not None]
            yield _begun(step, over, lambda: scope(known), allowed)
    elif whole.items is not None and not whole.state.is_final:
        yield from _next_items(step, whole, known)


def _begun(step: StepSpec, needs: Sequence[StepRun], values: Scope, allowed: frozenset[str]) -> StepRun:
    """A step whose needs are over: it may start, or is skipped, or fails for its own expression."""
    for need in needs:
        if not _is_enough(need, allowed):
            detail = f"step {need.step} {need.state.value}"
            return StepRun(step=step.name, state=StepState.SKIPPED, reason=Reason.UPSTREAM, detail=detail)
    try:
        decided_by = unmet(step.condition, values)
        if decided_by is not None:
            skipped, reason = StepState.SKIPPED, Reason.CONDITION
            return StepRun(step=step.name, state=skipped, reason=reason, detail=decided_by)
        items = None if step.for_each is None else _items(step.for_each, values())
    except EvaluationError as error:
        return StepRun(
            step=step.name, state=StepState.FAILED, reason=Reason.TEMPLATE_ERROR, detail=str(error)
        )
    if items is None:
        return StepRun(step=step.name, state=StepState.READY)
    return StepRun(step=step.name, state=StepState.RUNNING if items else StepState.SUCCEEDED, items=items)


def _is_enough(need: StepRun, allowed: frozenset[str]) -> bool:
    """Whether the steps that need this one may run: it did its work, or had nothing to do."""
    return need.state is StepState.SUCCEEDED or need.reason in OWN_SKIPS or _is_allowed(need, allowed)


def _is_allowed(one: StepRun, allowed: frozenset[str]) -> bool:
    """Whether a step did not do its work, but may. One that was cancelled did not fail: its run was ended."""
    return one.state.is_bad and one.state is not StepState.CANCELLED and one.step in allowed


def _items(source: str, values: Mapping[str, object]) -> tuple[Scalar, ...]:
    found = evaluate_source(source, values)
    assert isinstance(found, (tuple, list)), "the type was checked when the job was compiled"
    if len(found) > MAX_ITEMS:
        raise EvaluationError(f"`for_each` has {len(found):,} items; at most {MAX_ITEMS:,} are allowed")
    return tuple(found)


def _next_items(step: StepSpec, whole: StepRun, known: States) -> Iterator[StepRun]:
    """Items that may start, as many as `max_parallel` allows; or the end of the step after the last one."""
    assert whole.items is not None
    # Plain tuples are equal to keys and made much faster: this runs at the end of each item, over all items.
    lookup = cast("Mapping[tuple[str, int], StepRun]", known).get
    items = [lookup((step.name, number)) for number in range(1, len(whole.items) + 1)]
    active = sum(one is not None and not one.state.is_final for one in items)
    waiting = [number for number, one in enumerate(items, start=1) if one is None]
    for number in waiting[: max(0, step.max_parallel - active)]:
        yield StepRun(step=step.name, item=number, state=StepState.READY)
    if not waiting and active == 0:
        yield _ended(whole, [one for one in items if one is not None])


def _ended(whole: StepRun, items: Sequence[StepRun]) -> StepRun:
    bad = [one for one in items if one.state.is_bad]
    if not bad:
        return replace(whole, state=StepState.SUCCEEDED)
    worst = min(bad, key=lambda one: BAD_STEPS.index(one.state))
    detail = f"{len(bad)} of {len(items)} items did not succeed, the first is item {bad[0].item}"
    return replace(whole, state=worst.state, reason=worst.reason, detail=detail)


def conclusion(action: StepsAction, states: States) -> Conclusion | None:
    """How the run ends; None while a step is open or not decided."""
    steps = [states.get(StepKey(step.name)) for step in action.steps]
    if any(one is None or not one.state.is_final for one in steps):
        return None
    allowed = _allowed(action)
    over = [one for one in steps if one is not None]
    bad = [one for one in over if one.state.is_bad and not _is_allowed(one, allowed)]
    is_cut_short = any(
        one.state is StepState.SKIPPED and one.reason not in (*OWN_SKIPS, Reason.UPSTREAM)
        for one in states.values()
    )
    if not bad:
        return Conclusion(state=RunState.SUCCEEDED, is_cut_short=is_cut_short)
    worst = min(bad, key=lambda one: BAD_STEPS.index(one.state))
    detail = f"step {worst.step}{f': {worst.detail}' if worst.detail else ''}"
    return Conclusion(
        state=RunState(worst.state.value),
        reason=worst.reason,
        detail=detail,
        step=worst.step,
        is_cut_short=is_cut_short,
        asked_until=max(
            (one.retry_at for one in states.values() if one.retry_at and one.step not in allowed),
            default=None,
        ),
    )


def skip_rest(action: StepsAction, states: States, *, reason: str) -> States:
    """The steps and items that will not start any more, because the run is being ended."""
    changed: dict[StepKey, StepRun] = {}
    for step in action.steps:
        key = StepKey(step.name)
        whole = states.get(key)
        if whole is None:
            changed[key] = StepRun(step=step.name, state=StepState.SKIPPED, reason=reason)
            continue
        own = [one for one in states.values() if one.step == step.name]
        for one in own:
            if one.state is StepState.READY or one.state is StepState.RETRY_WAIT:
                changed[one.key] = replace(one, state=StepState.SKIPPED, reason=reason, retry_at=None)
        if whole.items is not None and not whole.state.is_final:
            after = [changed.get(one.key, one) for one in own if one.item]
            if all(one.state.is_final for one in after):
                changed[key] = replace(whole, state=StepState.CANCELLED, reason=reason)
    return changed


def kept_for_retry(action: StepsAction, states: States) -> States:
    """The states with which a retry of the run begins: those of the steps that do not run again.

    All other steps are decided again, so the retry continues at the first failed step.
    """
    allowed = _allowed(action)
    return {
        key: one
        for key, one in states.items()
        if one.state is StepState.SUCCEEDED
        or (not one.item and _is_enough(one, allowed))
        or (one.item and one.step in allowed)
    }


def kept_by_hand(action: StepsAction, states: States, *, old: str) -> States:
    """The states with which a new run begins that retries the run `old`: those of steps that it does not run.

    They have succeeded, and so has all that they need: what runs again may change what comes after it.
    """
    kept: set[str] = set()
    is_growing = True
    while is_growing:
        found = {step.name for step in action.steps if _is_kept(step, states, kept)}
        is_growing = found != kept
        kept = found
    items = {
        step.name for step in action.steps if step.for_each is not None and _rests_on(step, states, kept)
    }
    about = {"reason": Reason.KEPT, "detail": f"run {old}", "attempt": 0, "tries": 0}
    return {
        key: replace(one, **about)  # type: ignore[arg-type]  # of its fields
        for key, one in states.items()
        if one.state is StepState.SUCCEEDED and (one.step in kept or (one.item and one.step in items))
    }


def _is_kept(step: StepSpec, states: States, kept: Collection[str]) -> bool:
    one = states.get(StepKey(step.name))
    return one is not None and one.state is StepState.SUCCEEDED and _rests_on(step, states, kept)


def _rests_on(step: StepSpec, states: States, kept: Collection[str]) -> bool:
    """Whether all that a step needs is kept, or was skipped by its own condition."""
    needs = [states.get(StepKey(name)) for name in step.needs]
    return all(one is not None and (one.step in kept or one.reason == Reason.CONDITION) for one in needs)


def steps_scope(action: StepsAction, states: States, outputs: Outputs) -> dict[str, object]:
    """The values of `steps.ID…` in expressions: the status, the outputs, and the counts of a `for_each`."""
    found: dict[str, object] = {}
    for step in action.steps:
        whole = states.get(StepKey(step.name))
        if whole is None:
            continue
        if whole.items is None:
            about: dict[str, object] = {"outputs": dict(outputs.get(whole.key, {}))}
        else:
            about = _scope_of_items(step, whole.items, states, outputs)
        found[step.name] = {"status": whole.state.value, **about}
    return found


def _scope_of_items(
    step: StepSpec, values: Sequence[Scalar], states: States, outputs: Outputs
) -> dict[str, object]:
    keys = [StepKey(step.name, number) for number in range(1, len(values) + 1)]
    ended = [states[key].state for key in keys if key in states]
    lists = {
        one.name: tuple(outputs[key][one.name] for key in keys if one.name in outputs.get(key, {}))
        for one in step.outputs
    }
    counts = {
        "total": len(keys),
        "succeeded": ended.count(StepState.SUCCEEDED),
        "failed": sum(state.is_bad for state in ended),
    }
    return {"outputs": lists, **counts}
