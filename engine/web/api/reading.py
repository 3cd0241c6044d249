"""The operations that only read. Each gives what a command prints with `--json`."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

from engine.answers.agenda import next_to_json
from engine.answers.artifacts import artifacts_of_run, artifacts_to_json
from engine.answers.as_json import details_of, one_run_to_json
from engine.answers.audit import records_to_json
from engine.answers.choice import ALL, Choice
from engine.answers.did import Answer, did_to_json
from engine.answers.generations import generations_to_json
from engine.answers.listing import STATES, JobList, list_to_json
from engine.answers.logs import logs_to_json
from engine.answers.outputs import outputs_of_run, outputs_to_json
from engine.answers.report_json import report_to_json
from engine.answers.runs import runs_to_json
from engine.answers.shown import show_run, shown_to_json
from engine.answers.status import status_to_json
from engine.answers.why import story_to_json
from engine.asking.choosing import named_states
from engine.asking.did import Wanted, ask_did
from engine.asking.logs import Options as LogOptions
from engine.asking.logs import logs as ask_logs
from engine.asking.naming import find_run
from engine.asking.next import Asked, ask_next
from engine.asking.params import split_params
from engine.asking.report import Wanted as WantedReport
from engine.asking.report import ask_report
from engine.asking.runs import Options, ask_runs, states_of
from engine.asking.show import job_from_files
from engine.asking.why import ask_why
from engine.core.errors import JobfileError, WrongUsageError
from engine.core.lifecycle import Run
from engine.ledger.ports import View
from engine.service.listing import list_at
from engine.service.status import status_at
from engine.web.access import Access
from engine.web.api.operations import WAIT, Answered, Given, Operation
from engine.web.limits import MAX_PAGE_SIZE, PAGE_SIZE
from engine.web.visits import Visit
from jobfile.pipeline import Compiled

LOG_LINES: Final = 1_000
MAX_LOG_LINES: Final = 10_000
MAX_SKIP: Final = 100_000
TAG = Given("tag", "Only jobs with this tag.", is_repeated=True)
OWNER = Given("owner", "Only jobs of this owner.", is_repeated=True)
SINCE = Given("since", "From this time on: 2026-11-28T02:30, yesterday, 7d.")
UNTIL = Given("until", "Before this time.")
STATE = Given("in", "Only in these states; several with commas.", is_repeated=True)
LIMIT = Given("limit", f"How many at most, up to {MAX_PAGE_SIZE} [default: {PAGE_SIZE}].")
CURSOR = Given("cursor", "Where the previous part ended, from its Link header.")


def jobs(visit: Visit) -> Answered:
    """Every job, with its last results and its next time."""
    query, found = visit.query, visit.recall("list", _all_jobs)
    choice, states = _choice(visit), named_states(query.all("in"), STATES)
    limit, after = _limit(visit), query.get("cursor")
    fitting = [
        one
        for one in found.jobs
        if visit.user.sees(one.job)
        and choice.fits(one.labels)
        and (not states or one.state in states)
        and one.job > after
    ]
    shown = fitting[:limit]
    cursor = shown[-1].job if len(fitting) > limit else ""
    return Answered(list_to_json(replace(found, jobs=tuple(shown))), cursor=cursor)


def _all_jobs(visit: Visit) -> JobList:
    place, files = visit.place, visit.site.files
    found = list_at(place.config, place.view(), now=visit.now, compiled_from=files.of)
    if isinstance(found, Compiled):
        raise JobfileError("nothing is recorded yet, and the job files have errors")
    return found


def job(visit: Visit) -> Answered:
    """A job with all its defaults."""
    return Answered(shown_to_json(job_from_files(visit.values["job"], {}, visit.place)))


def did(visit: Visit) -> Answered:
    """Did it run, did it succeed?"""
    query = visit.query
    params = split_params(query.all("param"), option="param")
    matrix = split_params(query.all("matrix"), option="matrix")
    wanted = Wanted(params, matrix, query.get("on") or None, query.get("at") or None)
    found = ask_did(visit.place, visit.values["job"], wanted)
    return Answered(did_to_json(found), is_over=found.answer is not Answer.NOT_OVER)


def why(visit: Visit) -> Answered:
    """The story of what a job was expected to do at a time, or of its newest run."""
    return Answered(story_to_json(ask_why(visit.place, visit.values["job"], visit.query.get("at"))))


def coming(visit: Visit) -> Answered:
    """The next fires of a job, or of all jobs in order of time."""
    query = visit.query
    limit = _limit(visit, default=0) or None
    asked = Asked(query.get("from") or None, query.get("until") or None, limit, None)
    return Answered(next_to_json(ask_next(visit.place, visit.values.get("job"), asked, ALL)))


def runs(visit: Visit) -> Answered:
    """Runs by their scheduled time, the newest first."""
    query, limit = visit.query, _limit(visit)
    before, skip = _place(query.get("cursor"))
    options = Options(
        query.get("since") or None,
        before or query.get("until") or None,
        _choice(visit),
        states_of(query.all("in"), not_ok=query.get("not_ok") == "true"),
        limit + skip + 1,
        is_by_time=True,
    )
    found = ask_runs(visit.place, visit.values.get("job"), options)
    part = slice(skip, skip + limit)
    is_more = len(found.runs) > skip + limit
    shown = replace(
        found,
        runs=found.runs[part],
        artifacts=found.artifacts[part],
        lines=found.lines[part],
        words=found.words[part],
    )
    return Answered(runs_to_json(shown), cursor=_cursor(found.runs, skip + limit) if is_more else "")


def run(visit: Visit) -> Answered:
    """One run with its attempts, outputs, artifacts and steps."""
    view, found = seen_run(visit)
    return Answered(one_run_to_json(found, details=details_of(view, found)), is_over=found.state.is_final)


def why_run(visit: Visit) -> Answered:
    """The story of a run."""
    _, found = seen_run(visit)
    return Answered(story_to_json(ask_why(visit.place, found.id, "")))


def definition(visit: Visit) -> Answered:
    """The job as a run used it."""
    return Answered(shown_to_json(show_run(*seen_run(visit))))


def logs(visit: Visit) -> Answered:
    """The last lines of what each attempt wrote."""
    query = visit.query
    lines = _number(query.get("tail"), "tail", most=MAX_LOG_LINES, default=LOG_LINES)
    view, found = seen_run(visit)
    options = LogOptions(query.get("step") or None, None, lines)
    return Answered(logs_to_json(ask_logs(visit.place, view, found, options)), is_over=found.state.is_final)


def outputs(visit: Visit) -> Answered:
    """The values that a run returned by name."""
    return Answered(outputs_to_json(outputs_of_run(*seen_run(visit))))


def artifacts(visit: Visit) -> Answered:
    """The files that a run kept."""
    return Answered(artifacts_to_json(artifacts_of_run(*seen_run(visit), pattern=visit.query.get("pattern"))))


def report(visit: Visit) -> Answered:
    """Everything expected in a window, and the results."""
    query, job = visit.query, visit.values.get("job")
    wanted = WantedReport(
        jobs=() if job is None else (job,),
        choice=_choice(visit),
        since=query.get("since") or None,
        until=query.get("until") or None,
        day=query.get("on") or None,
    )
    return Answered(report_to_json(ask_report(visit.place, wanted).report))


def status(visit: Visit) -> Answered:
    """Does the engine work?"""
    return Answered(status_to_json(status_at(visit.place.config, visit.view(), now=visit.now)))


def generations(visit: Visit) -> Answered:
    """Every set of jobs that was put in force, the newest first."""
    return Answered(generations_to_json(visit.place.view().generations(limit=_limit(visit))))


def audit(visit: Visit) -> Answered:
    """Who did what, when and why, the newest first."""
    return Answered(records_to_json(visit.place.view().recent_audit(limit=_limit(visit))))


def seen_run(visit: Visit) -> tuple[View, Run]:
    """The run of the path, and the ledger. One of a job that may not be seen does not exist."""
    view = visit.place.view()
    return view, find_run(view, visit.values["run"], sees=visit.place.sees)


def _choice(visit: Visit) -> Choice:
    return Choice(tags=visit.query.all("tag"), owners=visit.query.all("owner"))


def _limit(visit: Visit, *, default: int = PAGE_SIZE) -> int:
    return _number(visit.query.get("limit"), "limit", most=MAX_PAGE_SIZE, default=default)


def _number(text: str, name: str, *, most: int, default: int) -> int:
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(most)) and 1 <= int(text) <= most):
        raise WrongUsageError(f"`{name}`: expected a number from 1 to {most}")
    return int(text)


def _cursor(found: Sequence[Run], count: int) -> str:
    """Where the next part begins: the time of the last run, and how many runs of that time were given."""
    last = found[count - 1].scheduled_for
    same = sum(one.scheduled_for == last for one in found[:count])
    return f"{last.astimezone(UTC).isoformat()}~{same}"


def _place(cursor: str) -> tuple[str, int]:
    """The end of the window of a part, and how many of its first runs were given before."""
    if not cursor:
        return "", 0
    text, _, same = cursor.partition("~")
    skip = _number(same, "cursor", most=MAX_SKIP, default=0)
    try:
        last = datetime.fromisoformat(text)
    except ValueError:
        raise WrongUsageError("`cursor` is not from a Link header") from None
    return (last + timedelta.resolution).isoformat(), skip


_RUNS = (SINCE, UNTIL, STATE, Given("not_ok", "true: only runs that did not end well."), LIMIT, CURSOR)
_FIRES = (Given("from", "Start at this time [default: now]."), UNTIL, LIMIT)
_DID = (
    Given("on", "The day, week or month that the question is about, in the zone of the job."),
    Given("at", "The time of the run that was expected."),
    Given("param", "NAME=VALUE: only runs with this param.", is_repeated=True),
    Given("matrix", "AXIS=VALUE: only this combination.", is_repeated=True),
    WAIT,
)
_LOGS = (
    Given("step", "Only this step."),
    Given("tail", f"How many lines of each attempt, up to {MAX_LOG_LINES:,} [default: {LOG_LINES:,}]."),
    WAIT,
)
_ARTIFACTS = (Given("pattern", "Only files whose names match: *.csv."),)
_VIEW = Access.VIEW

OPERATIONS: Final[Sequence[Operation]] = (
    Operation("GET", "/jobs", _VIEW, jobs, "list", (TAG, OWNER, STATE, LIMIT, CURSOR)),
    Operation("GET", "/jobs/{job}", _VIEW, job, "show"),
    Operation("GET", "/jobs/{job}/did", _VIEW, did, "did", _DID),
    Operation("GET", "/jobs/{job}/why", _VIEW, why, "why", (Given("at", "A time or a day."),)),
    Operation("GET", "/jobs/{job}/next", _VIEW, coming, "next", _FIRES),
    Operation("GET", "/jobs/{job}/runs", _VIEW, runs, "runs", _RUNS),
    Operation("GET", "/jobs/{job}/report", _VIEW, report, "report", (SINCE, UNTIL)),
    Operation("GET", "/next", _VIEW, coming, "next", _FIRES, is_for_limited=False),
    Operation("GET", "/runs", _VIEW, runs, "runs", (TAG, OWNER, *_RUNS)),
    Operation("GET", "/runs/{run}", _VIEW, run, "run", (WAIT,)),
    Operation("GET", "/runs/{run}/why", _VIEW, why_run, "why"),
    Operation("GET", "/runs/{run}/show", _VIEW, definition, "show"),
    Operation("GET", "/runs/{run}/logs", _VIEW, logs, "logs", _LOGS),
    Operation("GET", "/runs/{run}/outputs", _VIEW, outputs, "outputs"),
    Operation("GET", "/runs/{run}/artifacts", _VIEW, artifacts, "artifacts", _ARTIFACTS),
    Operation("GET", "/report", _VIEW, report, "report", (SINCE, UNTIL, TAG, OWNER)),
    Operation("GET", "/status", _VIEW, status, "status", is_for_limited=False),
    Operation("GET", "/generations", _VIEW, generations, "generations", (LIMIT,), is_for_limited=False),
    Operation("GET", "/audit", Access.ADMIN, audit, "audit", (LIMIT,), is_for_limited=False),
)
