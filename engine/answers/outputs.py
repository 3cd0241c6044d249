"""Answers of `outputs`: the values that a run returned by name."""

from engine.answers.as_json import output_to_json
from engine.core.columns import facts
from engine.core.lifecycle import Run
from engine.core.records import Output
from engine.core.vocabulary import place_text, short, value_text
from engine.ledger.ports import View
from jobfile.model.canonical import spec_from_json
from jobfile.model.dataclass import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOutputs:
    """The outputs of a run, and whether its job declares any."""

    run: Run
    outputs: tuple[Output, ...]
    is_declared: bool


def outputs_of_run(view: View, run: Run) -> RunOutputs:
    """The outputs that a run gave."""
    text = view.definition_text(run.digest)
    is_declared = text is None or bool(spec_from_json(text).outputs)
    return RunOutputs(run=run, outputs=view.outputs(run.id), is_declared=is_declared)


def outputs_to_text(found: RunOutputs, *, width: int) -> str:
    """A line for each output, or why there are none."""
    if found.outputs:
        return facts([(label_of(one), value_text(one.value)) for one in found.outputs], width=width)
    about = f"run {short(found.run.id)} of {found.run.job}"
    if not found.is_declared:
        return f"{about} has no outputs: its job declares none"
    yet = "" if found.run.state.is_final else " yet"
    return f"{about} has returned no outputs{yet}"


def label_of(output: Output) -> str:
    """An output's name, after its step and item if it has them."""
    if not output.step:
        return output.name
    return f"{place_text(output.step, output.item)}.{output.name}"


def outputs_to_json(found: RunOutputs) -> dict[str, object]:
    """The answer as JSON data."""
    return {
        "format": 1,
        "run": found.run.id,
        "job": found.run.job,
        "outputs": [output_to_json(one) for one in found.outputs],
    }
