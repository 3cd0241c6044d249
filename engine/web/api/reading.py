"""The operations that only read. Each gives what a command prints with `--json`."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

from engine.answers.agenda import next_to_json, next_to_text
from engine.answers.as_json import one_run_to_json, run_now
from engine.answers.audit import records_to_json, records_to_text, verified_to_json, verified_to_text, verify
from engine.answers.choice import Choice, unknown_word
from engine.answers.clock import clock_to_json, clock_to_text, look_at_clock
from engine.answers.did import Answer, did_to_json, did_to_text
from engine.answers.generations import generations_to_json, generations_to_text
from engine.answers.hosts import fleet_to_json, fleet_to_text
from engine.answers.listing import MARKS, STATES, ListedJob, last_marks, list_to_json
from engine.answers.listing_text import list_to_text
from engine.answers.report_json import report_to_json
from engine.answers.report_text import wrong_words
from engine.answers.runs import runs_to_json, runs_to_text
from engine.answers.shown import Shown, show_run, shown_to_json
from engine.answers.shown_text import shown_to_text
from engine.answers.status import status_to_json
from engine.answers.status_text import status_to_text
from engine.answers.why import Story, story_to_json, story_to_text
from engine.asking.axes import split_axes
from engine.asking.choosing import named_states
from engine.asking.did import Wanted, ask_did
from engine.asking.hosts import ask_hosts
from engine.asking.next import Asked, ask_next
from engine.asking.params import split_params
from engine.asking.report import Wanted as WantedReport
from engine.asking.report import ask_report
from engine.asking.report_forms import FORMS, parts_of, report_in
from engine.asking.runs import Options, ask_runs, states_of
from engine.asking.show import job_from_files
from engine.asking.why import ask_why
from engine.core.errors import ErrorCode, WrongUsageError
from engine.core.lifecycle import Run
from engine.doctor.reporting import diagnosis_to_json, diagnosis_to_text
from engine.host.clock import is_synchronized
from engine.ledger.ports import View
from engine.service.presence import presence_at
from engine.service.status import status_at
from engine.web.access import Access
from engine.web.apart.jobs import all_jobs, with_marks
from engine.web.apart.question import ROUGHLY
from engine.web.apart.upkeep import examined
from engine.web.api import of_runs
from engine.web.api.looks import Look
from engine.web.api.of_runs import MATRIX, seen_run
from engine.web.api.operations import WAIT, Answered, Given, Operation
from engine.web.limits import MAX_PAGE_SIZE, PAGE_SIZE
from engine.web.memory import EXACT
from engine.web.visits import Visit, number_of
from jobfile.model.regex import regex

MAX_SKIP: Final = 100_000
NOT_WELL: Final = 1
"""The exit code of a command that found something that needs attention."""
ORDERS: Final = ("scheduled", "recorded")
TAG = Given("tag", "Only jobs with this tag.", is_repeated=True)
OWNER = Given("owner", "Only jobs of this owner.", is_repeated=True)
SINCE = Given("since", "From this time on: 2026-11-28T02:30, yesterday, 7d.")
UNTIL = Given("until", "Before this time.")
STATE = Given("in", "Only in these states; several with commas.", is_repeated=True)
LIMIT = Given(
    "limit",
    f"How many at most, up to {MAX_PAGE_SIZE} [default: {PAGE_SIZE}].",
    "integer",
    more={"minimum": 1, "maximum": MAX_PAGE_SIZE},
)
CURSOR = Given("cursor", "Where the previous part ended, from its Link header.")


def jobs(visit: Visit) -> Answered:
    """Every job, with its last results and its next time."""
    query, view = visit.query, visit.place.view()
    found, _ = visit.ask(EXACT, all_jobs, is_patient=True)
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
    if unknown := unknown_word(choice, (one.labels for one in found.jobs if visit.user.sees(one.job))):
        raise WrongUsageError(unknown)
    is_filtered = bool(states) or not choice.is_all
    marked = _with_marks(visit, view, shown)
    still = tuple(one for one in marked if not states or one.state in states)  # it may be newer than the list
    part = replace(found, jobs=still, is_filtered=is_filtered)
    return Answered(
        list_to_json(part),
        cursor=cursor,
        text=lambda look: list_to_text(part, width=look.columns, style=look.style),
    )


def _with_marks(visit: Visit, view: View, shown: Sequence[ListedJob]) -> list[ListedJob]:
    """The jobs of this part with their last results: those of thousands of jobs would take seconds."""
    names, now = [one.job for one in shown], visit.now
    presence = presence_at(visit.place.config, view, now=now)
    recorded = last_marks(view, names, presence=presence, now=now, limit=MARKS)
    return [with_marks(one, recorded.get(one.job, ()), MARKS) for one in shown]


def job(visit: Visit) -> Answered:
    """A job with all its defaults."""
    return _shown(job_from_files(visit.values["job"], {}, visit.place))


def _shown(found: Shown) -> Answered:
    return Answered(shown_to_json(found), text=lambda _: shown_to_text(found))


def did(visit: Visit) -> Answered:
    """Did it run, did it succeed?"""
    return _did(visit, visit.values["job"])


def did_run(visit: Visit) -> Answered:
    """Did this run succeed?"""
    _, found = seen_run(visit)
    return _did(visit, found.id)


def _did(visit: Visit, name: str) -> Answered:
    query = visit.query
    params = split_params(query.all("param"), option="param")
    matrix = split_params(query.all("matrix"), option="matrix")
    wanted = Wanted(params, matrix, query.get("on") or None, query.get("at") or None)
    found = ask_did(visit.place, f"{name} {query.get('time')}", wanted)
    return Answered(
        did_to_json(found),
        is_over=found.answer is not Answer.NOT_OVER,
        text=lambda look: did_to_text(found, style=look.style),
        exit_code=int(found.answer),
    )


def why(visit: Visit) -> Answered:
    """The story of what a job was expected to do at a time, or of its newest run."""
    return _why(ask_why(visit.place, visit.values["job"], visit.query.get("at")))


def _why(found: Story) -> Answered:
    return Answered(
        story_to_json(found), text=lambda look: story_to_text(found, width=look.lines, style=look.style)
    )


def coming(visit: Visit) -> Answered:
    """The next fires of a job, or of all jobs in order of time."""
    query = visit.query
    limit = _limit(visit, default=0) or None
    asked = Asked(query.get("from") or None, query.get("until") or None, limit, None)
    found = ask_next(visit.place, visit.values.get("job"), asked, _choice(visit))

    def text(look: Look) -> str:
        return next_to_text(found, width=look.lines, row_width=look.columns, now=visit.place.now())

    return Answered(next_to_json(found), text=text)


def runs(visit: Visit) -> Answered:
    """Runs by their scheduled time, the newest first."""
    query, limit = visit.query, _limit(visit)
    before, skip = _place(query.get("cursor"))
    is_by_time = _is_by_time(query.get("order"), before)
    options = Options(
        query.get("since") or None,
        before or query.get("until") or None,
        _choice(visit),
        states_of(query.all("in"), not_ok=query.get("not_ok") == "true"),
        limit + skip,
        is_by_time=is_by_time,
    )
    name = query.get("run") or visit.values.get("job")
    found = ask_runs(visit.place, name, options)
    is_more = is_by_time and len(found.runs) == limit + skip and _has_more(visit, name, options)
    part = slice(skip, skip + limit)
    shown = replace(
        found,
        runs=found.runs[part],
        artifacts=found.artifacts[part],
        lines=found.lines[part],
        hosts=found.hosts[part],
        words=found.words[part],
    )
    return Answered(
        runs_to_json(shown),
        cursor=_cursor(found.runs, skip + limit) if is_more else "",
        text=lambda look: runs_to_text(shown, width=look.columns, style=look.style),
    )


def _is_by_time(order: str, before: str) -> bool:
    """Whether runs are sorted by their time: only then a list has parts."""
    if order not in ("", *ORDERS):
        raise WrongUsageError(f"`order`: expected {' or '.join(ORDERS)}")
    if order == ORDERS[1] and before:
        raise WrongUsageError(f"`cursor` is for a list in the order {ORDERS[0]}")
    return order != ORDERS[1]


def _has_more(visit: Visit, name: str | None, options: Options) -> bool:
    more = options._replace(limit=options.limit + 1)
    return len(ask_runs(visit.place, name, more).runs) > options.limit


def run(visit: Visit) -> Answered:
    """One run with its attempts, outputs, artifacts and steps."""
    found, details = run_now(*seen_run(visit))
    return Answered(one_run_to_json(found, details=details), is_over=found.state.is_final)


def why_run(visit: Visit) -> Answered:
    """The story of a run."""
    _, found = seen_run(visit)
    return _why(ask_why(visit.place, found.id, visit.query.get("at")))


def definition(visit: Visit) -> Answered:
    """The job as a run used it."""
    return _shown(show_run(*seen_run(visit)))


def report(visit: Visit) -> Answered:
    """Everything expected in a window, and the results."""
    query, job = visit.query, visit.values.get("job")
    form, compares = query.get("format") or "text", query.get("compare") == "true"
    if form not in FORMS:
        raise WrongUsageError(f"`format`: expected one of {', '.join(FORMS)}")
    wanted = WantedReport(
        jobs=query.all("job") if job is None else (job,),
        choice=_choice(visit),
        matrix=split_axes(query.all("matrix")),
        since=query.get("since") or None,
        until=query.get("until") or None,
        day=query.get("on") or None,
    )
    found = ask_report(visit.place, wanted, parts=parts_of(form, compares=compares))
    exit_code = ErrorCode.BUG.exit_code if found.report.wrong else 0 if found.report.is_well else NOT_WELL

    def text(look: Look) -> str:
        return "".join(report_in(form, found, width=look.columns, style=look.style)).removesuffix("\n")

    wrong = f"{wrong_words(found.report)}: a bug, please report it" if found.report.wrong else ""
    notes = [wrong] if wrong else []
    return Answered(report_to_json(found.report), text=text, exit_code=exit_code, notes=notes)


def status(visit: Visit) -> Answered:
    """Does the engine work?"""
    found = status_at(visit.place.config, visit.view(), now=visit.now)
    return Answered(
        status_to_json(found),
        text=lambda look: status_to_text(found, width=look.lines, style=look.style),
        exit_code=0 if found.is_well else NOT_WELL,
    )


def doctor(visit: Visit) -> Answered:
    """Are the machine and the ledger sound? The machine is the server's host."""
    found = visit.ask(ROUGHLY, examined)
    return Answered(
        diagnosis_to_json(found),
        text=lambda look: diagnosis_to_text(found, width=look.lines, style=look.style),
        exit_code=0 if all(one.is_well for one in found) else NOT_WELL,
    )


def clock(visit: Visit) -> Answered:
    """Does the engine believe the clock?"""
    found = look_at_clock(visit.place.view(), now=visit.now, is_synchronized=is_synchronized())
    return Answered(
        clock_to_json(found),
        text=lambda look: clock_to_text(found, width=look.lines, style=look.style),
        exit_code=0 if found.hold is None else NOT_WELL,
    )


def hosts(visit: Visit) -> Answered:
    """Which hosts share the ledger, and what each runs."""
    found = ask_hosts(visit.place)
    return Answered(
        fleet_to_json(found),
        text=lambda look: fleet_to_text(found, width=look.lines, row_width=look.columns, style=look.style),
    )


def generations(visit: Visit) -> Answered:
    """Every set of jobs that was put in force, the newest first."""
    found = visit.place.view().generations(limit=_limit(visit))
    return Answered(
        generations_to_json(found),
        text=lambda look: generations_to_text(found, width=look.columns, style=look.style),
    )


def audit(visit: Visit) -> Answered:
    """Who did what, when and why, the newest first."""
    found = visit.place.view().recent_audit(limit=_limit(visit))
    return Answered(records_to_json(found), text=lambda look: records_to_text(found, width=look.columns))


def audit_verified(visit: Visit) -> Answered:
    """Whether every record of the audit follows from the one before."""
    noted = visit.query.get("head").lower()
    if noted and _HASH.fullmatch(noted) is None:
        raise WrongUsageError("`head` is not a hash; give at least 12 digits of it")
    found = verify(visit.place.view().audit_links(), noted=noted)
    return Answered(
        verified_to_json(found),
        text=lambda look: verified_to_text(found, style=look.style),
        exit_code=0 if found.is_whole else NOT_WELL,
    )


def _choice(visit: Visit) -> Choice:
    return Choice(tags=visit.query.all("tag"), owners=visit.query.all("owner"))


def _limit(visit: Visit, *, default: int = PAGE_SIZE) -> int:
    return number_of(visit.query.get("limit"), "limit", most=MAX_PAGE_SIZE, default=default)


def _cursor(found: Sequence[Run], count: int) -> str:
    """Where the next part begins: the time of the last run, and how many runs of that time were returned."""
    last = found[count - 1].scheduled_for
    same = sum(one.scheduled_for == last for one in found[:count])
    return f"{last.astimezone(UTC).isoformat()}~{same}"


def _place(cursor: str) -> tuple[str, int]:
    """The end of the window of a part, and how many of its first runs were given before."""
    if not cursor:
        return "", 0
    text, _, same = cursor.partition("~")
    skip = number_of(same, "cursor", most=MAX_SKIP, default=0)
    try:
        last = datetime.fromisoformat(text)
    except ValueError:
        raise WrongUsageError("`cursor` is not from a Link header") from None
    return (last + timedelta.resolution).isoformat(), skip


_HASH: Final = regex(r"[0-9a-f]{12,64}")
_ORDER = Given("order", "scheduled, or recorded: then the list has one part [default: scheduled].")
_RUNS = (
    _ORDER,
    SINCE,
    UNTIL,
    STATE,
    Given("not_ok", "true: only runs that did not end well."),
    LIMIT,
    CURSOR,
)
_FIRES = (Given("from", "Start at this time [default: now]."), UNTIL, LIMIT)
_REPORT = (
    SINCE,
    UNTIL,
    Given("on", "This day, week, month or year: 2026-11-23, 2026-W47, 'last month'."),
    Given("compare", "true: compare with the period of equal length before."),
    MATRIX,
    Given("format", f"With Accept: text/plain, one of {', '.join(FORMS)} [default: text]."),
)
_DID = (
    Given("on", "The day, week or month that the question is about, in the zone of the job."),
    Given("at", "The time of the run that was expected."),
    Given("time", "A day or a time, as it is typed after the name: yesterday 02:30."),
    Given("param", "NAME=VALUE: only runs with this param.", is_repeated=True),
    Given("matrix", "AXIS=VALUE: only this combination.", is_repeated=True),
    WAIT,
)
_WHY = (Given("at", "A time or a day."),)
_JOB = Given("job", "Only this job.", is_repeated=True)
_RUN = Given("run", "Only this run, by the beginning of its id.")
_HEAD = Given("head", "A hash that was noted earlier and must be found again; 12 digits or more.")
_VIEW = Access.VIEW

OPERATIONS: Final[Sequence[Operation]] = (
    Operation("GET", "/jobs", _VIEW, jobs, "list", (TAG, OWNER, STATE, LIMIT, CURSOR)),
    Operation("GET", "/jobs/{job}", _VIEW, job, "show"),
    Operation("GET", "/jobs/{job}/did", _VIEW, did, "did", _DID),
    Operation("GET", "/jobs/{job}/why", _VIEW, why, "why", _WHY),
    Operation("GET", "/jobs/{job}/next", _VIEW, coming, "next", _FIRES),
    Operation("GET", "/jobs/{job}/runs", _VIEW, runs, "runs", _RUNS),
    Operation("GET", "/jobs/{job}/report", _VIEW, report, "report", _REPORT),
    Operation("GET", "/next", _VIEW, coming, "next", (TAG, OWNER, *_FIRES), is_for_limited=False),
    Operation("GET", "/runs", _VIEW, runs, "runs", (_RUN, TAG, OWNER, *_RUNS)),
    Operation("GET", "/runs/{run}", _VIEW, run, "run", (WAIT,)),
    Operation("GET", "/runs/{run}/did", _VIEW, did_run, "did", _DID),
    Operation("GET", "/runs/{run}/why", _VIEW, why_run, "why", _WHY),
    Operation("GET", "/runs/{run}/show", _VIEW, definition, "show"),
    Operation("GET", "/report", _VIEW, report, "report", (_JOB, *_REPORT, TAG, OWNER)),
    Operation("GET", "/status", _VIEW, status, "status", is_for_limited=False),
    Operation("GET", "/doctor", _VIEW, doctor, "doctor", is_for_limited=False),
    Operation("GET", "/clock", _VIEW, clock, "clock", is_for_limited=False),
    Operation("GET", "/hosts", _VIEW, hosts, "hosts", is_for_limited=False),
    Operation("GET", "/generations", _VIEW, generations, "generations", (LIMIT,), is_for_limited=False),
    Operation("GET", "/audit", Access.ADMIN, audit, "audit", (LIMIT,), is_for_limited=False),
    Operation("GET", "/audit/verify", Access.ADMIN, audit_verified, "audit", (_HEAD,), is_for_limited=False),
    *of_runs.OPERATIONS,
)
