"""The states of the steps of a run, for `why` and `logs`, in the order of the job file."""

from collections.abc import Sequence

from engine.core.lifecycle import Attempt, Run
from engine.core.reasons import Reason
from engine.core.step_states import StepRun, StepState
from engine.core.vocabulary import place_text, reason_words
from engine.ledger.ports import View
from jobfile.model.canonical import spec_from_json
from jobfile.model.jobs import StepsAction


def steps_of_run(view: View, run: Run) -> tuple[StepRun, ...]:
    """The decided steps of a run and their items, in the order of the file; none for one action."""
    found = view.steps(run.id)
    if not found:
        return ()
    order = _order(view, run)
    return tuple(sorted(found, key=lambda one: (order.get(one.step, len(order)), one.item)))


def step_names(view: View, run: Run) -> tuple[str, ...]:
    """The names of the steps of a run, in the order of the file, also of those that have not begun."""
    return tuple(dict.fromkeys([*_order(view, run), *(one.step for one in view.steps(run.id))]))


def attempts_in_order(view: View, run: Run, attempts: Sequence[Attempt]) -> tuple[Attempt, ...]:
    """Attempts in the order of their steps in the file."""
    order = _order(view, run) if any(one.step for one in attempts) else {}
    return tuple(sorted(attempts, key=lambda one: (order.get(one.step, len(order)), one.item, one.number)))


def step_line(one: StepRun, items: Sequence[StepRun]) -> str:
    """A step in a line: its state and why; for a `for_each`, the number of its items in each state."""
    words = reason_words(one.reason, one.detail) if one.reason else one.detail
    line = f"{place_text(one.step, one.item)}  {one.state.value}{f', {words}' if words else ''}"
    if one.items is None:
        return line
    counts = {state: sum(item.state is state for item in items) for state in StepState}
    counted = ", ".join(f"{count} {state.value}" for state, count in counts.items() if count)
    return f"{line}  ({len(one.items)} items{f': {counted}' if counted else ''})"


def kept_words(steps: Sequence[StepRun]) -> str:
    """Which steps a retry does not run again, as a sentence; empty if it begins at the first one."""
    kept = [one for one in steps if one.reason == Reason.KEPT]
    names = dict.fromkeys(one.step if not one.item else f"items of {one.step}" for one in kept)
    wholes = {one.step for one in kept if not one.item}
    listed = [name for name in names if name.removeprefix("items of ") not in wholes or name in wholes]
    return f"not run again, since they succeeded in {kept[0].detail}: {', '.join(listed)}" if kept else ""


def step_to_json(one: StepRun) -> dict[str, object]:
    """A step as JSON data."""
    return {
        "step": one.step,
        "item": one.item or None,
        "state": one.state.value,
        "reason": one.reason or None,
        "detail": one.detail or None,
        "attempts": one.attempt,
    }


def _order(view: View, run: Run) -> dict[str, int]:
    text = view.definition_text(run.digest)
    action = None if text is None else spec_from_json(text).action
    steps = action.steps if isinstance(action, StepsAction) else ()
    return {step.name: number for number, step in enumerate(steps)}
