"""The operations that only read. Each gives what a command prints with `--json`."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

from engine.answers.agenda import agenda, agenda_to_json
from engine.answers.artifacts import artifacts_of_run, artifacts_to_json
from engine.answers.as_json import details_of, one_run_to_json
from engine.answers.audit import records_to_json
from engine.answers.choice import Choice
from engine.answers.did import Answer, did_to_json
from engine.answers.generations import generations_to_json
from engine.answers.listing import STATES, JobList, list_to_json
from engine.answers.logs import logs_of, logs_to_json
from engine.answers.outputs import outputs_of_run, outputs_to_json
from engine.answers.report import report_to_json
from engine.answers.runs import BAD, runs_to_json
from engine.answers.shown import show_in_force, show_run, shown_to_json
from engine.answers.starts import starts_of
from engine.answers.status import status_to_json
from engine.answers.steps import attempts_in_order
from engine.answers.upcoming import fires_to_json, next_fires, obstacles_to_text
from engine.answers.why import story_to_json
from engine.asking.actions import job_in_force, zone_of_spec
from engine.asking.choosing import named_states
from engine.asking.naming import UnknownRunError, find_run, subject
from engine.asking.params import split_params
from engine.asking.questions import (
    DidAsked,
    RunsAsked,
    Sees,
    Window,
    ask_did,
    ask_report,
    ask_runs,
    ask_why,
)
from engine.asking.times import parse_coming
from engine.core.errors import JobfileError, WrongUsageError
from engine.core.lifecycle import AttemptKey, Run, RunState
from engine.core.records import Pause
from engine.execution.output_text import last_part
from engine.ledger.ports import View
from engine.planning.sides import engine_side
from engine.service.listing import list_at
from engine.service.presence import presence_at
from engine.service.status import status_at
from engine.supervisor.output import OutputTail
from engine.web.access import Access
from engine.web.api.operations import WAIT, Answered, Given, Operation
from engine.web.limits import MAX_PAGE_SIZE, PAGE_SIZE
from engine.web.visits import Visit
from jobfile.model.jobs import JobSpec
from jobfile.pipeline import Compiled
from jobfile.schedule.occurrences import load_zone

LOG_LINES: Final = 1_000
MAX_LOG_LINES: Final = 10_000
MAX_SKIP: Final = 100_000
FIRES: Final = 5
TAG = Given("tag", "Only jobs with this tag.", is_repeated=True)
OWNER = Given("owner", "Only jobs of this owner.", is_repeated=True)
SINCE = Given("since", "From this time on: 2026-11-28T02:30, yesterday, 7d.")
UNTIL = Given("until", "Before this time.")
STATE = Given("in", "Only in these states; several with commas.", is_repeated=True)
LIMIT = Given("limit", f"At most so many, up to {MAX_PAGE_SIZE} [default: {PAGE_SIZE}].")
CURSOR = Given("cursor", "Where the previous part ended, from its Link header.")


def jobs(visit: Visit) -> Answered:
    """Every job."""
    query, found = visit.query, visit.site.memory.recall("list", lambda: _all_jobs(visit))
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
    view = visit.place.view()
    with closing(view):
        found = list_at(visit.place.config, view, now=visit.now)
    if isinstance(found, Compiled):
        raise JobfileError("nothing is recorded yet, and the job files have errors")
    return found


def job(visit: Visit) -> Answered:
    """A job as it is in force."""
    with closing(visit.place.view()) as view:
        return Answered(shown_to_json(show_in_force(job_in_force(view, visit.values["job"]).job)))


def did(visit: Visit) -> Answered:
    """Did it run, did it succeed?"""
    query = visit.query
    wanted = DidAsked(
        split_params(query.all("param"), option="param"),
        split_params(query.all("matrix"), option="matrix"),
        query.get("on") or None,
        query.get("at") or None,
    )
    found = ask_did(visit.place, visit.values["job"], wanted)
    return Answered(did_to_json(found), is_over=found.answer is not Answer.NOT_OVER)


def why(visit: Visit) -> Answered:
    """The story of an occurrence."""
    named = subject(visit.place, visit.values["job"])
    with closing(named.view):
        return Answered(story_to_json(ask_why(visit.place, named, visit.query.get("at"))))


def coming(visit: Visit) -> Answered:
    """The next fires of a job."""
    query, name = visit.query, visit.values["job"]
    with closing(visit.place.view()) as view:
        spec = job_in_force(view, name).job.spec
        zone = zone_of_spec(spec)
        since = parse_coming(query.get("from"), zone, now=visit.now) if query.get("from") else visit.now
        until = parse_coming(query.get("until"), zone, now=since) if query.get("until") else None
        found = next_fires(
            name,
            spec.schedule if spec.enabled else (),
            _limit(visit, default=FIRES),
            now=since,
            until=until,
            is_job=True,
            starts=starts_of(spec) if spec.enabled else (),
        )
        pauses = [one for one in _pauses(view, since, visit.now) if one.job == name]
        presence = presence_at(visit.place.config, view, now=visit.now)
    return Answered(fires_to_json(found, pauses=pauses, obstacle=obstacles_to_text((), presence, zone=zone)))


def agenda_of_all(visit: Visit) -> Answered:
    """The next fires of all jobs in force."""
    query, zone = visit.query, load_zone("UTC")
    assert zone is not None
    with closing(visit.place.view()) as view:
        specs = visit.site.memory.recall("specs", lambda: _specs(view))
        specs = tuple(one for one in specs if one.enabled and visit.user.sees(one.name))
        since = parse_coming(query.get("from"), zone, now=visit.now) if query.get("from") else visit.now
        until = parse_coming(query.get("until"), zone, now=since) if query.get("until") else None
        found = agenda(
            {one.name: one.schedule for one in specs},
            since=since,
            until=until,
            limit=_limit(visit, default=20),
            pauses=_pauses(view, since, visit.now),
            starts={one.name: words for one in specs if (words := starts_of(one))},
        )
        presence = presence_at(visit.place.config, view, now=visit.now)
    return Answered(agenda_to_json(found, obstacle=obstacles_to_text((), presence, zone=UTC)))


def runs(visit: Visit) -> Answered:
    """Runs by their scheduled time, the newest first."""
    query, limit = visit.query, _limit(visit)
    until, skip = _place(query.get("cursor"))
    name, sees = visit.values.get("job"), _sees(visit)
    states = [RunState(one) for one in named_states(query.all("in"), list(RunState))]
    states += BAD if query.get("not_ok") == "true" else ()
    window = Window(query.get("since") or None, until or query.get("until") or None)
    states = list(dict.fromkeys(states))
    wanted = RunsAsked(window, _choice(visit), tuple(states), limit + skip + 1, is_by_time=True)
    found = ask_runs(visit.place, name, wanted, sees=sees)
    shown, is_more = found.runs[skip : skip + limit], len(found.runs) > skip + limit
    cursor = _cursor(found.runs, skip + limit) if is_more else ""
    part = replace(
        found,
        runs=shown,
        artifacts=found.artifacts[skip : skip + limit],
        lines=found.lines[skip : skip + limit],
        words=found.words[skip : skip + limit],
    )
    return Answered(runs_to_json(part), cursor=cursor)


def run(visit: Visit) -> Answered:
    """One run with its attempts, outputs, artifacts and steps."""
    with closing(visit.place.view()) as view:
        found = seen_run(visit, view)
        body = one_run_to_json(found, details=details_of(view, found))
    return Answered(body, is_over=found.state.is_final)


def why_run(visit: Visit) -> Answered:
    """The story of a run."""
    with closing(visit.place.view()) as view:
        found = seen_run(visit, view)
    named = subject(visit.place, found.id)
    with closing(named.view):
        return Answered(story_to_json(ask_why(visit.place, named)))


def definition(visit: Visit) -> Answered:
    """The job as a run used it."""
    with closing(visit.place.view()) as view:
        return Answered(shown_to_json(show_run(view, seen_run(visit, view))))


def logs(visit: Visit) -> Answered:
    """The last lines of what each attempt wrote."""
    query = visit.query
    lines = _number(query.get("tail"), "tail", most=MAX_LOG_LINES, default=LOG_LINES)
    with closing(visit.place.view()) as view:
        found = seen_run(visit, view)
        attempts = [
            one
            for one in attempts_in_order(view, found, view.attempts(found.id))
            if query.get("step") in ("", one.step)
        ]

    def read(attempt: AttemptKey) -> bytes:
        return last_part(OutputTail(visit.place.config.attempt_dir(attempt)).read(), lines)

    return Answered(logs_to_json(logs_of(found, attempts, read)), is_over=found.state.is_final)


def outputs(visit: Visit) -> Answered:
    """The values that a run returned by name."""
    with closing(visit.place.view()) as view:
        return Answered(outputs_to_json(outputs_of_run(view, seen_run(visit, view))))


def artifacts(visit: Visit) -> Answered:
    """The files that a run kept."""
    with closing(visit.place.view()) as view:
        found = artifacts_of_run(view, seen_run(visit, view), pattern=visit.query.get("pattern"))
    return Answered(artifacts_to_json(found))


def report(visit: Visit) -> Answered:
    """Everything expected in a window, and the results."""
    query = visit.query
    window = Window(query.get("since") or None, query.get("until") or None)
    found = ask_report(visit.place, visit.values.get("job"), window, _choice(visit), sees=_sees(visit))
    return Answered(report_to_json(found))


def status(visit: Visit) -> Answered:
    """Does the engine work?"""
    with closing(visit.place.view()) as view:
        return Answered(status_to_json(status_at(visit.place.config, view, now=visit.now)))


def generations(visit: Visit) -> Answered:
    """Every set of jobs that was put in force."""
    with closing(visit.place.view()) as view:
        return Answered(generations_to_json(view.generations(limit=_limit(visit))))


def audit(visit: Visit) -> Answered:
    """Who did what, when and why."""
    with closing(visit.place.view()) as view:
        return Answered(records_to_json(view.recent_audit(limit=_limit(visit))))


def seen_run(visit: Visit, view: View) -> Run:
    """The run of the path. One of a job that may not be seen does not exist."""
    found = find_run(view, visit.values["run"])
    if not visit.user.sees(found.job):
        raise UnknownRunError(f"no run begins with {visit.values['run']}")
    return found


def _specs(view: View) -> tuple[JobSpec, ...]:
    return tuple(one.spec for one in engine_side(view).catalog.jobs)


def _choice(visit: Visit) -> Choice:
    return Choice(tags=visit.query.all("tag"), owners=visit.query.all("owner"))


def _sees(visit: Visit) -> Sees | None:
    return visit.user.sees if visit.user.is_limited else None


def _pauses(view: View, since: datetime, now: datetime) -> tuple[Pause, ...]:
    return view.pauses_between(None, since=min(since, now), until=now)


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
    Given("tail", f"So many lines of each attempt, up to {MAX_LOG_LINES:,} [default: {LOG_LINES:,}]."),
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
    Operation("GET", "/next", _VIEW, agenda_of_all, "next", _FIRES),
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
