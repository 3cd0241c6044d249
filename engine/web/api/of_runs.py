"""The operations about what a run left: its log, its outputs, its files; and waiting for its end."""

from collections.abc import Sequence
from typing import Final

from engine.answers.artifacts import artifacts_of_run, artifacts_to_json, artifacts_to_text
from engine.answers.asked import Asked
from engine.answers.logs import Logs, about_run, logs_to_json, why_no_output
from engine.answers.outputs import outputs_of_run, outputs_to_json, outputs_to_text
from engine.answers.reasons import end_line
from engine.answers.requested import (
    answer_of_request,
    requested_to_json,
    waited_to_json,
    worst_answer,
)
from engine.answers.zones import zone_of_job
from engine.asking.logs import Options, logs, one_run
from engine.asking.naming import Subject, find_run, subject
from engine.asking.waits import is_stuck, stuck_words
from engine.asking.which import Which, run_of
from engine.core.errors import WrongUsageError
from engine.core.lifecycle import Run
from engine.core.vocabulary import place_text
from engine.execution.attempt_output import output_of
from engine.execution.output_text import NeutralText
from engine.ledger.ports import View
from engine.service.presence import has_engine, presence_at
from engine.web.access import Access
from engine.web.api.looks import Look
from engine.web.api.operations import WAIT, Answered, Given, Operation
from engine.web.limits import MAX_LOG_BYTES, MAX_LOG_LINES, MAX_WAITED
from engine.web.visits import Visit, number_of

LOG_LINES: Final = 1_000
ALL_LINES: Final = "all"
NUMBER: Final = {"minimum": 1, "maximum": MAX_LOG_LINES}
AT = Given("at", "The run expected at this time [default: the newest].")
MATRIX = Given("matrix", "AXIS=VALUE: the run of this combination.", is_repeated=True)


def seen_run(visit: Visit) -> tuple[View, Run]:
    """The run of the path, and the ledger. One of a job that may not be seen does not exist."""
    view = visit.place.view()
    return view, find_run(view, visit.values["run"], sees=visit.place.sees)


def subject_of(visit: Visit) -> Subject:
    """The job or the run of the path."""
    if "run" in visit.values:
        view, run = seen_run(visit)
        return Subject(view, run.job, zone_of_job(view, run.job), run)
    return subject(visit.place, visit.values["job"])


def log(visit: Visit) -> Answered:
    """The last lines of what each attempt wrote; of a job, of its newest run."""
    query, named = visit.query, subject_of(visit)
    lines = _lines(query.get("tail"))
    attempt = number_of(query.get("attempt"), "attempt", most=MAX_LOG_LINES, default=0) or None
    options = Options(query.get("step") or None, attempt, lines)
    run = one_run(visit.place, named, _which(visit), options)
    attempts = options.attempts(named.view, run)
    if lines is None:
        config, pieces = visit.place.config, named.view.pieces
        size = sum(output_of(config, one.key, pieces).stored_bytes() for one in attempts)
        if size > MAX_LOG_BYTES:
            raise WrongUsageError(f"`tail`: the log has {size:,} bytes; see each attempt:  /runs/RUN/output")
    found = logs(visit.place, named.view, run, options)
    now, view = visit.place.now(), named.view
    asked = Asked(
        view=view,
        job=run.job,
        zone=named.zone,
        now=now,
        presence=presence_at(visit.place.config, view, now=now),
    )
    notes = [about_run(asked, run)]
    if not any(found.outputs):
        notes.append(why_no_output(run, attempts))
    return Answered(
        logs_to_json(found), is_over=run.state.is_final, text=lambda _: _log_text(found), notes=notes
    )


def _log_text(found: Logs) -> str:
    """What each attempt wrote, without control sequences, after its name if there are several."""
    parts = []
    for one, output in zip(found.attempts, found.outputs, strict=True):
        if len(found.attempts) > 1:
            number = f", attempt {one.number}" if one.step and one.number > 1 else ""
            name = f"{place_text(one.step, one.item)}{number}" if one.step else f"attempt {one.number}"
            parts.append(f"--- {name} ---\n")
        neutral = NeutralText(has_colour=False)
        parts.append(neutral.feed(output) + neutral.rest())
    return "".join(parts).removesuffix("\n")


def outputs(visit: Visit) -> Answered:
    """The values that a run returned by name; of a job, those of its newest run."""
    named = subject_of(visit)
    found = outputs_of_run(named.view, run_of(visit.place, named, _which(visit)))
    return Answered(outputs_to_json(found), text=lambda look: outputs_to_text(found, width=look.lines))


def artifacts(visit: Visit) -> Answered:
    """The files that a run kept; of a job, those of its newest run."""
    named, pattern = subject_of(visit), visit.query.get("pattern")
    found = artifacts_of_run(named.view, run_of(visit.place, named, _which(visit)), pattern=pattern)
    return Answered(artifacts_to_json(found), text=lambda look: artifacts_to_text(found, width=look.columns))


def wait(visit: Visit) -> Answered:
    """How runs ended; with `wait`, when all of them have."""
    given = visit.query.all("run")
    if not 0 < len(given) <= MAX_WAITED:
        raise WrongUsageError(f"`run`: name from 1 to {MAX_WAITED} runs")
    view = visit.place.view()
    with view.soundness.snapshot():  # all of one moment: an engine may write meanwhile
        runs = _named_runs(visit, view, given)
        open_ones = [run for run in runs if not run.state.is_final]
        stuck: Sequence[Run] = () if has_engine(visit.place.config, view, now=visit.now) else open_ones
        is_over = all(is_stuck(visit.place, run) for run in stuck) and len(stuck) == len(open_ones)
        is_one = visit.query.get("together") == "true"
        answer = answer_of_request(runs) if is_one else worst_answer(runs)
        if is_one:
            body = requested_to_json(view, runs, is_duplicate=False, is_followed=True)
        else:
            body = waited_to_json(view, runs)

    def text(_: Look) -> str:
        return "\n".join(end_line(run) for run in runs if run.state.is_final)

    notes = [stuck_words(run) for run in stuck] if is_over else []
    return Answered(body, is_over=is_over, text=text, exit_code=int(answer), notes=notes)


def _named_runs(visit: Visit, view: View, given: Sequence[str]) -> list[Run]:
    found = {run.id: run for one in given for run in (find_run(view, one, sees=visit.place.sees),)}
    return list(found.values())


def _which(visit: Visit) -> Which:
    return Which(visit.query.get("at") or None, visit.query.all("matrix"))


def _lines(text: str) -> int | None:
    if text == ALL_LINES:
        return None
    return number_of(text, "tail", most=MAX_LOG_LINES, default=LOG_LINES)


_LOG = (
    Given("step", "Only this step."),
    Given("attempt", "Only this attempt, by its number.", "integer", more=NUMBER),
    Given(
        "tail",
        f"How many lines of each attempt, up to {MAX_LOG_LINES:,}, or `all` [default: {LOG_LINES:,}].",
    ),
    WAIT,
)
_PATTERN = Given("pattern", "Only files whose names match: *.csv.")
_WAIT = (
    Given("run", "A run, by the beginning of its id.", is_repeated=True),
    Given("together", "true: the runs belong to one request, and get one answer."),
    WAIT,
)
_VIEW = Access.VIEW
OPERATIONS: Final[Sequence[Operation]] = (
    Operation("GET", "/jobs/{job}/logs", _VIEW, log, "logs", (AT, MATRIX, *_LOG)),
    Operation("GET", "/jobs/{job}/outputs", _VIEW, outputs, "outputs", (AT, MATRIX)),
    Operation("GET", "/jobs/{job}/artifacts", _VIEW, artifacts, "artifacts", (AT, MATRIX, _PATTERN)),
    Operation("GET", "/runs/{run}/logs", _VIEW, log, "logs", _LOG),
    Operation("GET", "/runs/{run}/outputs", _VIEW, outputs, "outputs"),
    Operation("GET", "/runs/{run}/artifacts", _VIEW, artifacts, "artifacts", (_PATTERN,)),
    Operation("GET", "/wait", _VIEW, wait, "wait", _WAIT, also="run"),
)
