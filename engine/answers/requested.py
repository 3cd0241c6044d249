"""The runs that a command has requested or waited for, as JSON data, with their verdicts."""

from collections.abc import Sequence
from typing import Final

from engine.answers.as_json import Details, details_of, run_to_json, whole_run_to_json
from engine.answers.did import Answer, answer_of
from engine.answers.expected import item_of
from engine.answers.reasons import end_line
from engine.core.lifecycle import Run
from engine.ledger.ports import View

MORE: Final = ("why", "logs", "outputs", "artifacts", "wait", "cancel", "retry")
"""The commands that show more of a run, or change it."""
_WORST_FIRST: Final = (Answer.NOT_WELL, Answer.DID_NOT_RUN, Answer.NOT_OVER)


def requested_to_json(
    view: View, runs: Sequence[Run], *, is_duplicate: bool, is_followed: bool, options: str = ""
) -> dict[str, object]:
    """The runs of a request: one run as the whole answer, those of a matrix as a list.

    Their attempts and outputs are there if the runs were followed. `options` are options of this command:
    the commands that show more need them, too.
    """
    plain = [
        _run_to_json(run, details_of(view, run) if is_followed else None, options=options) for run in runs
    ]
    if len(runs) == 1:
        return {"format": 1, **plain[0], "duplicate": is_duplicate}
    verdict = _verdict_to_json(answer_of_request(runs))
    return {"format": 1, "runs": plain, "verdict": verdict, "duplicate": is_duplicate}


def waited_to_json(view: View, runs: Sequence[Run], *, options: str = "") -> dict[str, object]:
    """The runs that were waited for, each with its attempts and outputs."""
    plain = [_run_to_json(run, details_of(view, run), options=options) for run in runs]
    return {"format": 1, "runs": plain, "verdict": _verdict_to_json(worst_answer(runs))}


def answer_of_request(runs: Sequence[Run]) -> Answer:
    """The answer for the runs of one request: they are one occurrence."""
    item = item_of(*runs)
    return answer_of(item.state, was_started=item.ran)


def worst_answer(runs: Sequence[Run]) -> Answer:
    """The answer for the worst of several runs."""
    answers = {answer_of(run.state, was_started=run.was_executed) for run in runs}
    return next((one for one in _WORST_FIRST if one in answers), Answer.SUCCEEDED)


def _run_to_json(run: Run, details: Details | None, *, options: str) -> dict[str, object]:
    plain = run_to_json(run) if details is None else whole_run_to_json(run, details)
    see = {name: f"jobfile {name} {run.id}{options}" for name in MORE}
    return {**plain, "verdict": _verdict_to_json(answer_of_request([run]), end_line(run)), "see": see}


def _verdict_to_json(answer: Answer, line: str | None = None) -> dict[str, object]:
    return {"answer": answer.name.lower(), "exit_code": int(answer), "line": line}
