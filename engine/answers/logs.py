"""Answers of `logs`: the output of a run, or why there is none."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from engine.answers.as_json import place_to_json
from engine.answers.asked import Asked
from engine.answers.expected import item_of
from engine.core.lifecycle import Attempt, AttemptKey, AttemptState, Run
from engine.core.vocabulary import instant_text, run_text, short


@dataclass(frozen=True, slots=True, kw_only=True)
class Logs:
    """A run, and the output of each requested attempt."""

    run: Run
    attempts: tuple[Attempt, ...]
    outputs: tuple[bytes, ...]


def logs_of(run: Run, attempts: Sequence[Attempt], read: Callable[[AttemptKey], bytes]) -> Logs:
    """The output of attempts; `read` returns the output of an attempt by its number."""
    return Logs(run=run, attempts=tuple(attempts), outputs=tuple(read(one.key) for one in attempts))


def logs_to_json(logs: Logs) -> dict[str, object]:
    """The output of one run as JSON data."""
    return {"format": 1, **_run_to_json(logs)}


def all_logs_to_json(found: Sequence[Logs]) -> dict[str, object]:
    """The output of several runs as JSON data."""
    return {"format": 1, "runs": [_run_to_json(one) for one in found]}


def _run_to_json(logs: Logs) -> dict[str, object]:
    return {
        "run": logs.run.id,
        "job": logs.run.job,
        "matrix": dict(logs.run.matrix),
        "attempts": [
            {
                **place_to_json(one.key),
                "output": output.decode("utf-8", "replace"),
                "output_bytes": one.output_bytes,
                "output_dropped": one.output_dropped,
            }
            for one, output in zip(logs.attempts, logs.outputs, strict=True)
        ],
    }


def about_run(asked: Asked, run: Run) -> str:
    """A line that names a run and its state."""
    words = asked.words(item_of(run))
    at = instant_text(run.scheduled_for, asked.zone)
    return f"run {short(run.id)} of {run_text(run)}, {at}: {run.state.value}{f', {words}' if words else ''}"


def why_no_output(run: Run, attempts: Sequence[Attempt]) -> str:
    """Why a run has no output to show."""
    if all(one.state is AttemptState.NOT_STARTED for one in attempts):
        return "it never started, so it wrote nothing" if run.state.is_final else "it has not started yet"
    if any(one.output_bytes for one in attempts):
        return "what it wrote is no longer kept"
    return "it wrote nothing" if run.state.is_final else "it has written nothing yet"
