"""The message of one or several notifications, made of their facts when it is sent. Pure.

A message about one job is written out; one about several jobs lists them.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

from engine.core.lateness import Late, LateKind, late_words
from engine.core.lifecycle import Attempt, Run
from engine.core.reasons import IncidentKind
from engine.core.vocabulary import (
    combination_text,
    instant_text,
    reason_words,
    seconds_text,
    short,
    value_text,
)
from engine.notifications.digests import DIGEST
from engine.notifications.html import Block, Lines, Rows, Table, to_html
from jobfile.diagnostics.escapes import printable
from jobfile.model.counts import many
from jobfile.model.jobs import JobSpec
from jobfile.model.namedtuple import NamedTuple
from jobfile.schedule.in_words import describe

TAIL_LINES = 20
"""Number of lines of the output at the end of a message."""
MAX_TITLE = 200
"""Maximum number of characters of a title."""
MAX_DETAIL = 500
"""Maximum number of characters of one value in a message, so that no value hides the others."""
MAX_PARAM = 5_000
"""Maximum number of characters of a param in `event.params`."""
MAX_NAMED = 3
"""Maximum number of jobs named in the title of a message about several."""
MAX_LISTED = 50
"""Maximum number of notifications that a message lists; more are counted."""

_WHAT = {
    "failed": "failed",
    "missed": "did not run",
    "late": "is late",
    "recovered": "has recovered",
    "succeeded": "succeeded",
    "skipped": "was skipped",
    "odd": "was unusual",
}
EVENTS = tuple(_WHAT)
"""The events of a job, as `notify` names them."""
_STATES = {"timed_out": "timed out", "lost": "was lost"}
_HOLDS = {kind.value: kind.words for kind in IncidentKind}
_UTC = ZoneInfo("UTC")


class Happening(NamedTuple):
    """A notification with everything that is known about its cause when it is sent."""

    id: str
    event: str
    job: str
    at: datetime
    facts: Mapping[str, object]
    spec: JobSpec | None = None
    run: Run | None = None
    attempts: tuple[Attempt, ...] = ()
    tail: tuple[str, ...] = ()
    """The last lines of the output, as stored: secrets are masked."""
    page: str = ""
    """The address of the page about the run; empty if there is no page."""

    @property
    def zone(self) -> tzinfo:
        """The zone of the job."""
        return _UTC if self.spec is None else ZoneInfo(self.spec.timezone)


class Message(NamedTuple):
    """What a channel gets. `fields` are the values of `event.*`, `events` one map for each notification."""

    id: str
    title: str
    text: str
    html: str
    """The same as a page, for mail."""
    fields: Mapping[str, object]
    events: tuple[Mapping[str, object], ...]
    ids: tuple[str, ...]
    """The ids of all its notifications: each stays the same when it is sent again."""


def make_message(id: str, found: Sequence[Happening], *, total: int = 0, ids: Sequence[str] = ()) -> Message:
    """The message of notifications, oldest first; `total` and `ids` are about all, if `found` lacks some."""
    total = max(total, len(found))
    is_one_job = len({one.job for one in found}) == 1
    if found[-1].event == DIGEST:
        letter = _digest(found[-1])
    else:
        letter = _about_one(found, total) if is_one_job else _about_many(found, total)
    fields = _fields(found[-1]) if is_one_job else _common_fields(found)
    title = _shortened(letter.title, MAX_TITLE)
    ids = tuple(ids) or tuple(one.id for one in found)
    return Message(
        id=id,
        title=title,
        text=letter.text,
        html=to_html(title, letter.blocks, event=str(fields["kind"]), footer=event_line(ids)),
        fields={**fields, "id": id, "title": title, "text": letter.text},
        events=tuple(_listed(one) for one in found),
        ids=ids,
    )


class _Letter(NamedTuple):
    """A message in its two forms: as text, and as the parts of a page."""

    title: str
    text: str
    blocks: Sequence[Block]


def event_line(ids: Sequence[str]) -> str:
    """The last line of a mail: the ids of all its events."""
    return f"event {', '.join(ids)}"


def _digest(one: Happening) -> _Letter:
    """A report, as it was when it fell due."""
    facts = one.facts
    text, table = str(facts.get("text") or ""), facts.get("table")
    title = headline(one)
    if not isinstance(table, Mapping):
        return _Letter(title, text, [Lines("", text.splitlines())])
    rows = [("from", str(table["since"])), ("until", str(table["until"]))]
    blocks: list[Block] = [Rows(rows), Table(table["heads"], table["rows"], frozenset(table["bad"]))]
    blocks += [Lines("", table["notes"])] if table["notes"] else []
    return _Letter(title, text, blocks)


def _listed(one: Happening) -> dict[str, object]:
    """An event in the list of events of a message: what is short."""
    fields = {name: value for name, value in _fields(one).items() if name not in ("log_tail", "params")}
    return {
        **fields,
        "id": one.id,
        "title": headline(one),
        "at": one.at,
        "error": _shortened(str(fields["error"])),
    }


def _about_one(found: Sequence[Happening], total: int) -> _Letter:
    """The message about one job: its newest event, and how often the others occurred before."""
    newest = found[-1]
    before = _before(found, total)
    rows = [*_rows(newest), *([("before", before)] if before else [])]
    rows = [(label, _shortened(text)) for label, text in rows]
    width = max(len(label) for label, _ in rows)
    lines = [f"{label.ljust(width)}  {text}" for label, text in rows]
    blocks: list[Block] = [Rows(rows)]
    if newest.tail:
        output = f"last lines of its output ({many(len(newest.tail), 'line')}):"
        lines += ["", output, *(f"  {line}" for line in newest.tail)]
        blocks.append(Lines(output, newest.tail))
    title = headline(newest)
    if before and newest.event == found[0].event:
        title = f"{title} ({total} times)"
    return _Letter(title, "\n".join(lines), blocks)


def _before(found: Sequence[Happening], total: int) -> str:
    """The events of the job that this message has besides the newest one."""
    if total == 1:
        return ""
    events = dict.fromkeys(one.event for one in found[:-1]) or dict.fromkeys([found[-1].event])
    words = " and ".join(_WHAT.get(event, event) for event in events)
    since = instant_text(found[0].at, found[0].zone)
    return f"it {words} {many(total - 1, 'more time')} since {since}"


def _about_many(found: Sequence[Happening], total: int) -> _Letter:
    """The message about several jobs, with a line or two for each event."""
    jobs = list(dict.fromkeys(one.job for one in found))
    named = ", ".join(job or "jobfile" for job in jobs[:MAX_NAMED])
    more = f" and {len(jobs) - MAX_NAMED} more" if len(jobs) > MAX_NAMED else ""
    lines = []
    for one in found[:MAX_LISTED]:
        lines.append(f"- {_shortened(headline(one))} ({instant_text(one.at, one.zone)})")
        lines += [f"  {_command(one)}"] if one.run is not None or one.job else []
    if total > MAX_LISTED:
        lines.append(f"and {total - MAX_LISTED} more: jobfile report")
    title = f"{many(total, 'event')} of {many(len(jobs), 'job')}: {named}{more}"
    return _Letter(title, "\n".join(lines), [Lines("", lines)])


def headline(one: Happening) -> str:
    """An event in one line: what, and why."""
    facts = one.facts
    if not one.job:
        return _about_engine(one)
    matrix = facts.get("matrix")
    name = f"{one.job} {combination_text(matrix)}" if isinstance(matrix, Mapping) else one.job
    what = _WHAT.get(one.event, one.event)
    if one.event == "failed":
        what = _STATES.get(str(facts.get("state")), what)
    count = facts.get("count")
    if isinstance(count, int) and count > 1:
        what = f"{what} {count:,} times"
    is_good = one.event in ("recovered", "succeeded")
    why = "" if is_good else _why_late(one) or _why(facts)
    return printable(f"{name} {what}: {why}" if why else f"{name} {what}")


def _why(facts: Mapping[str, object]) -> str:
    """The reason in words; without a reason, its details."""
    reason, detail = str(facts.get("reason") or ""), str(facts.get("detail") or "")
    return reason_words(reason, detail) if reason else detail


def _late(one: Happening) -> Late | None:
    """What the job is late with; None for another event."""
    facts, since = one.facts, _instant(one.facts.get("since"))
    if one.event != "late" or facts.get("kind") not in set(LateKind) or since is None:
        return None
    limit = facts.get("limit_seconds")
    length = timedelta(seconds=limit) if isinstance(limit, (int, float)) else None
    return Late(one.job, LateKind(str(facts["kind"])), "", since, limit=length)


def _why_late(one: Happening) -> str:
    found = _late(one)
    return "" if found is None else late_words(found, zone=one.zone, now=one.at).removeprefix("late: ")


def _about_engine(one: Happening) -> str:
    """A line about the engine or the job files, which belong to no job."""
    facts = one.facts
    detail = str(facts.get("detail") or "")
    match one.event:
        case "held":
            words = f"jobfile starts nothing: {_HOLDS.get(str(facts.get('kind')), facts.get('kind'))}"
        case "released":
            words = (
                f"jobfile starts runs again; it had stopped because {_HOLDS.get(str(facts.get('kind')), '')}"
            )
        case "rejected":
            words = "the job files were rejected"
        case "accepted":
            words = "the job files are good again"
        case _:
            words = str(facts.get("title") or one.event)
    return printable(f"{words} ({detail})" if detail and one.event in ("held", "released") else words)


def _rows(one: Happening) -> list[tuple[str, str]]:
    """The labelled lines of a message about one event."""
    rows = _job_rows(one) if one.job else _engine_rows(one)
    if one.page:
        rows.append(("page", one.page))
    return [(label, printable(text)) for label, text in rows if text]


def _engine_rows(one: Happening) -> list[tuple[str, str]]:
    lines = one.facts.get("diagnostics")
    found = [str(line) for line in lines] if isinstance(lines, list) else []
    generation = one.facts.get("generation")
    stays = f"generation {generation} stays in force" if generation else "nothing is in force"
    look = "jobfile check" if one.event in ("rejected", "accepted") else "jobfile status"
    return [
        ("what", _about_engine(one)),
        ("when", instant_text(one.at, one.zone)),
        ("detail", str(one.facts.get("detail") or "")),
        *([("in force", stays)] if one.event == "rejected" else []),
        *((("finding" if index == 0 else ""), line) for index, line in enumerate(found)),
        ("look", look),
    ]


def _job_rows(one: Happening) -> list[tuple[str, str]]:
    facts, spec, run = one.facts, one.spec, one.run
    title = f": {spec.title}" if spec is not None and spec.title else ""
    return [
        ("job", f"{one.job}{title}"),
        ("what", headline(one).removeprefix(one.job).strip()),
        ("when", _when(one)),
        ("ran", _ran(one)),
        ("exit code", "" if facts.get("exit_code") is None else str(facts["exit_code"])),
        ("tries", _tries(one)),
        ("expected", _expected(one)),
        ("previous", str(facts.get("previous") or "").replace("_", " ")),
        ("params", _params(run)),
        ("owner", spec.owner if spec is not None else ""),
        ("look", _command(one)),
    ]


def _when(one: Happening) -> str:
    """For which time, in the zone of the job."""
    first, last = _instant(one.facts.get("first_at")), _instant(one.facts.get("last_at"))
    if first is not None and last is not None:
        return f"{instant_text(first, one.zone)} to {instant_text(last, one.zone)}"
    at = _instant(one.facts.get("scheduled_for")) or one.at
    return instant_text(at, one.zone)


def _ran(one: Happening) -> str:
    """When the last attempt ran, and for how long."""
    last = _last_attempt(one)
    if last is None or last.started_at is None:
        return ""
    began = instant_text(last.started_at, one.zone, has_seconds=True)
    seconds = _duration(one)
    return began if seconds is None else f"{began}, for {seconds_text(seconds)}"


def _tries(one: Happening) -> str:
    """How many tries the run had, of how many."""
    attempt = one.facts.get("attempt")
    if not isinstance(attempt, int) or attempt < 1:
        return ""
    of = one.spec.retry.attempts if one.spec is not None else attempt
    return f"{attempt} of {max(of, attempt)}" if of > 1 or attempt > 1 else ""


def _expected(one: Happening) -> str:
    """What was expected: as the fact says, or the schedule in words."""
    found = _late(one)
    if found is not None and found.kind is LateKind.DONE_BY:
        return f"a success by {instant_text(found.since, one.zone)}"
    if found is not None and found.limit is not None:
        limit = seconds_text(found.limit.total_seconds())
        return (
            f"a success every {limit}" if found.kind is LateKind.SUCCESS_EVERY else f"to take at most {limit}"
        )
    schedule = one.spec.schedule if one.spec is not None else ()
    return "; ".join(describe(entry, has_clocks=False) for entry in schedule)


def _params(run: Run | None) -> str:
    """The params of a run. A secret is never a param."""
    if run is None:
        return ""
    return ", ".join(f"{name}={value_text(value)}" for name, value in run.params.items())


def _command(one: Happening) -> str:
    """The command that shows more."""
    if one.run is not None:
        return f"jobfile why {short(one.run.id)}"
    at = one.facts.get("first_at") or one.facts.get("scheduled_for")
    instant = _instant(at)
    if instant is None:
        return f"jobfile why {one.job}"
    return f'jobfile why {one.job} "{instant_text(instant, one.zone)}"'


def _fields(one: Happening) -> dict[str, object]:
    """The values of `event.*` for one event."""
    facts, run = one.facts, one.run
    scheduled = _instant(facts.get("scheduled_for")) or _instant(facts.get("first_at"))
    attempt = facts.get("attempt")
    return {
        "kind": one.event,
        "job": one.job,
        "run_id": run.id if run is not None else str(facts.get("run") or ""),
        "status": str(facts.get("state") or one.event),
        "url": one.page,
        "owner": one.spec.owner if one.spec is not None else "",
        "error": "" if one.event in ("recovered", "succeeded") else _why(facts),
        "log_tail": "\n".join(one.tail),
        "attempt": attempt if isinstance(attempt, int) else 0,
        "exit_code": facts.get("exit_code"),
        "duration": _duration(one),
        "scheduled_at": None if scheduled is None else scheduled.astimezone(one.zone),
        "params": {name: _short(value) for name, value in run.params.items()} if run is not None else {},
    }


def _short(value: object) -> object:
    return _shortened(value, MAX_PARAM) if isinstance(value, str) else value


def _common_fields(found: Sequence[Happening]) -> dict[str, object]:
    """The values of `event.*` for several jobs: those that are the same for all."""
    first, *others = (_fields(one) for one in found)
    empty: dict[str, object] = {**dict.fromkeys(first, ""), "attempt": 0, "params": {}}
    empty |= dict.fromkeys(("exit_code", "duration", "scheduled_at"))
    return {
        name: value if all(other[name] == value for other in others) else empty[name]
        for name, value in first.items()
    }


def _last_attempt(one: Happening) -> Attempt | None:
    ran = [attempt for attempt in one.attempts if attempt.started_at is not None]
    return max(ran, key=lambda attempt: attempt.created_at, default=None)


def _duration(one: Happening) -> float | None:
    """How long the last attempt ran, in seconds; of a job with steps, from the first to the last."""
    ran = [attempt for attempt in one.attempts if attempt.started_at is not None]
    last = _last_attempt(one)
    if last is None or last.started_at is None or last.ended_at is None:
        return None
    starts = [attempt.started_at for attempt in ran if attempt.started_at is not None and attempt.step]
    return (last.ended_at - (min(starts) if starts else last.started_at)).total_seconds()


def _instant(value: object) -> datetime | None:
    try:
        return datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None


def _shortened(text: str, most: int = MAX_DETAIL) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
