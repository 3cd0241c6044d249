"""The page of a run: its verdict and why, its attempts, its steps as a graph, its values, and its log."""

from collections.abc import Iterator, Sequence
from http import HTTPStatus
from typing import Final
from zoneinfo import ZoneInfo

from starlette.responses import RedirectResponse, Response

from engine.answers.artifacts import about_artifact
from engine.answers.asked import Asked
from engine.answers.did import did
from engine.answers.facts import Fact
from engine.answers.graph import graph_of, graph_to_svg
from engine.answers.outputs import label_of
from engine.answers.steps import attempts_in_order, step_line, steps_of_run
from engine.answers.why import Story, why_run
from engine.answers.zones import zone_of_job
from engine.asking.requests import ask_to_stop, hand_over
from engine.asking.retries import How, job_again, run_again, run_to_retry
from engine.asking.which import NEWEST
from engine.core.artifacts import KeptArtifact
from engine.core.errors import JobfileError
from engine.core.lifecycle import Attempt, Run, RunState
from engine.core.vocabulary import place_text, reason_words, value_text
from engine.ledger.ports import View
from engine.ports import Stop
from engine.service.presence import presence_at
from engine.web.access import Access
from engine.web.api.of_runs import seen_run
from engine.web.pages.run_log import LINES, LogPart, log_part
from engine.web.refusing import words_of
from engine.web.rendering import page
from engine.web.visits import Route, Visit
from jobfile.model.canonical import spec_from_json
from jobfile.model.dataclass import dataclass
from jobfile.model.jobs import StepsAction
from jobfile.model.namedtuple import NamedTuple

MAX_ATTEMPTS: Final = 200
MAX_STEPS: Final = 200
"""Maximum number of steps and items that are listed."""
MAX_ARTIFACTS: Final = 200
MAX_RETRIES: Final = 20
MAX_REASON: Final = 1_000
MAX_DRAWN: Final = 100
"""Maximum number of steps of a graph; a job with more of them has a list only."""


_ELSEWHERE: Final = ("params", "attempts", "steps", "outputs", "artifacts", "output", "retried")


class AttemptRow(NamedTuple):
    """An attempt, as the page shows it."""

    attempt: Attempt
    place: str
    seconds: float | None
    how: str
    """How it ended: its exit code or signal, and why."""
    log: str
    """The address of its log."""


class File(NamedTuple):
    """An artifact, with its number for its address; 0 when there is no copy."""

    number: int
    kept: KeptArtifact
    about: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPage:
    """The values of the page."""

    run: Run
    zone: ZoneInfo
    story: Story
    state: str
    words: str
    """The verdict in a sentence: that of `did`."""
    facts: tuple[Fact, ...]
    attempts: tuple[AttemptRow, ...]
    more_attempts: int
    graph: str
    """The steps as SVG; empty for a job with one action."""
    steps: tuple[tuple[str, str], ...]
    """Each decided step and item: its state, and a line."""
    more_steps: int
    params: tuple[Fact, ...]
    outputs: tuple[Fact, ...]
    files: tuple[File, ...]
    more_files: int
    retries: tuple[Run, ...]
    log: LogPart
    is_operator: bool
    was_duplicate: bool
    """Whether a request led here that started nothing, since this run has its key."""


def show(visit: Visit) -> Response:
    """The page."""
    found = answer(visit)
    title = f"{found.run.job}, run {found.run.id[:8]}"
    return page(visit, "run.html", title=title, values={"found": found, "window": LINES})


def answer(visit: Visit) -> RunPage:
    """The run of the path."""
    view, run = seen_run(visit)
    zone, now = zone_of_job(view, run.job), visit.now
    presence = presence_at(visit.place.config, view, now=now)
    story = why_run(Asked(view=view, job=run.job, zone=zone, now=now, presence=presence), run)
    attempts = attempts_in_order(view, run, view.attempts(run.id))
    kept, steps = view.artifacts(run.id), steps_of_run(view, run)
    verdict = did(
        view, run.job, zone=zone, params={}, on=None, at=None, now=now, presence=presence, run=run
    )  # fmt: skip
    return RunPage(
        run=run,
        zone=zone,
        story=story,
        state="overdue" if story.is_overdue else run.verdict.value,
        words=verdict.line.removeprefix(f"{run.job}: "),
        facts=tuple(_facts(story)),
        attempts=tuple(_row(run, one) for one in attempts[:MAX_ATTEMPTS]),
        more_attempts=max(0, len(attempts) - MAX_ATTEMPTS),
        graph=_graph(view, run),
        steps=tuple(
            (one.state.value, step_line(one, [item for item in steps if item.item and item.step == one.step]))
            for one in steps[:MAX_STEPS]
        ),
        more_steps=max(0, len(steps) - MAX_STEPS),
        params=tuple((name, value_text(value)) for name, value in (*run.params.items(), *run.matrix.items())),
        outputs=tuple((label_of(one), value_text(one.value)) for one in view.outputs(run.id)),
        files=tuple(_file(number, one) for number, one in enumerate(kept[:MAX_ARTIFACTS], start=1)),
        more_files=max(0, len(kept) - MAX_ARTIFACTS),
        retries=story.retries[:MAX_RETRIES],
        log=log_part(visit, view, run),
        is_operator=visit.user.may(Access.OPERATE),
        was_duplicate=visit.query.get("was") == "duplicate",
    )


def _facts(story: Story) -> Iterator[Fact]:
    """Why it went so, without what the page shows in parts of its own."""
    last = ""
    for label, text in story.facts:
        last = label or last
        if last not in _ELSEWHERE:
            yield label, text


def _row(run: Run, one: Attempt) -> AttemptRow:
    begun, ended = one.started_at, one.ended_at
    how = (
        f"signal {one.signal}"
        if one.signal
        else ""
        if one.exit_code is None
        else f"exit code {one.exit_code}"
    )
    words = reason_words(one.reason, one.detail) if one.reason else one.detail
    return AttemptRow(
        attempt=one,
        place=place_text(one.step, one.item) if one.step else "",
        seconds=(ended - begun).total_seconds() if begun and ended else None,
        how=words if how in words else "; ".join(part for part in (how, words) if part),
        log=f"{LogPart.address_of(run, one.key)}#log",
    )


def _file(number: int, one: KeptArtifact) -> File:
    return File(number if one.has_copy else 0, one, about_artifact(one))


def _graph(view: View, run: Run) -> str:
    """The steps of the definition that the run had, with their states now."""
    text = view.definition_text(run.digest)
    spec = None if text is None else spec_from_json(text)
    if spec is None or not isinstance(spec.action, StepsAction) or len(spec.action.steps) > MAX_DRAWN:
        return ""
    return graph_to_svg(graph_of(spec, view.steps(run.id)), style="")


def confirm_cancel(visit: Visit) -> Response:
    """Ask before a run is ended."""
    _, run = seen_run(visit)
    trouble = f"it is over: {run.state.value}" if run.state.is_final else ""
    return _confirm(visit, run, "cancel", trouble)


def cancel(visit: Visit) -> Response:
    """End the run, once that is confirmed; one that is over stays as it is."""
    if visit.form.get("sure") != "1":
        return confirm_cancel(visit)
    _, run = seen_run(visit)
    how = Stop.KILL if visit.form.get("kill") == "1" else Stop.CANCEL
    ask_to_stop(visit.place, [run], how, why=_why(visit), now=visit.now)
    return visit_run(run)


def confirm_retry(visit: Visit) -> Response:
    """Ask before a run is repeated."""
    _, run = seen_run(visit)
    trouble = "" if run.state.is_final else f"it is not over: {run.state.value}"
    return _confirm(visit, run, "retry", trouble)


def retry(visit: Visit) -> Response:
    """Run it again, once that is confirmed: a new run of its job for the same time with the same params."""
    if visit.form.get("sure") != "1":
        return confirm_retry(visit)
    _, run = seen_run(visit)
    place, is_forced = visit.place, run.state is RunState.SUCCEEDED
    try:
        view, old = run_to_retry(place, run.id, NEWEST, is_forced=is_forced)
        how = How(visit.form.get("all_steps") == "1" or is_forced, visit.form.get("original") != "1")
        job = job_again(view, old, how)
        new = run_again(place, view, old, job, now=visit.now)
        recorded = hand_over(place, [new], job, why=_why(visit), now=visit.now, all_steps=how.all_steps)
    except JobfileError as error:
        return _confirm(visit, run, "retry", words_of(error), HTTPStatus.CONFLICT)
    return visit_run(recorded[0])


def visit_run(run: Run) -> Response:
    """Lead to the page of a run."""
    return RedirectResponse(f"/runs/{run.id}", HTTPStatus.SEE_OTHER)


def _confirm(visit: Visit, run: Run, what: str, trouble: str, status: HTTPStatus = HTTPStatus.OK) -> Response:
    has_steps = bool(visit.place.view().steps(run.id))
    values = {"run": run, "what": what, "trouble": trouble, "has_steps": has_steps}
    return page(visit, "confirm.html", title=f"{what.capitalize()} {run.job}", values=values, status=status)


def _why(visit: Visit) -> str:
    return visit.form.get("why").strip()[:MAX_REASON]


_PATH: Final = "/runs/{run}"
ROUTES: Final[Sequence[Route]] = (
    Route("GET", _PATH, Access.VIEW, show, is_for_limited=True),
    Route("GET", f"{_PATH}/cancel", Access.OPERATE, confirm_cancel, is_for_limited=True),
    Route("POST", f"{_PATH}/cancel", Access.OPERATE, cancel, is_for_limited=True, body="form"),
    Route("GET", f"{_PATH}/retry", Access.OPERATE, confirm_retry, is_for_limited=True),
    Route("POST", f"{_PATH}/retry", Access.OPERATE, retry, is_for_limited=True, body="form"),
)
