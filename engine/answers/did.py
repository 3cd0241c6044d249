"""Answers of `did`: did this job run, did it succeed: for its newest run, some
params, a day or an instant.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from enum import IntEnum
from types import MappingProxyType
from typing import Final
from zoneinfo import ZoneInfo

from engine.answers.asked import Asked
from engine.answers.combinations import narrowed, tally_words
from engine.answers.expected import INSTANT, NOT_ACCOUNTED, Item, item_of, upcoming
from engine.answers.following import (
    AWAITS,
    again_words,
    coming_words,
    is_following,
    items_of,
    place_words,
    upcoming_of_roots,
)
from engine.answers.gone import gone_requests, gone_words
from engine.answers.lateness import item_late_words, late_words_of
from engine.answers.newest import LOOK_BACK, asked_since, has_schedule, newest_item
from engine.answers.odd import item_odd_words
from engine.answers.overdue import OPEN, OVERDUE, verdict_word
from engine.answers.presence import GRACE, Presence, unsettled_words
from engine.answers.retried import after_retries
from engine.core.lifecycle import OPEN_STATES, Run, RunState, TriggerKind
from engine.core.reasons import Reason
from engine.core.vocabulary import (
    combination_text,
    instant_text,
    seconds_text,
    short,
    start_error_words,
    value_text,
)
from engine.ledger.ports import View
from jobfile.diagnostics.escapes import printable
from jobfile.model.canonical import spec_from_json
from jobfile.model.dataclass import dataclass
from jobfile.model.namedtuple import NamedTuple
from jobfile.model.values import Value
from jobfile.render.style import PLAIN, Style

Days = tuple[date, date]
"""The first and the last of consecutive local days."""


class Answer(IntEnum):
    """The answers of `did`, each with its exit code."""

    SUCCEEDED = 0
    NOT_WELL = 1
    DID_NOT_RUN = 3
    NOT_OVER = 4
    NOT_EXPECTED = 5
    OVERDUE = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Did:
    """The answer, the items that it is based on, and one line of text."""

    job: str
    answer: Answer
    line: str
    items: tuple[Item, ...]
    states: tuple[str, ...] = ()
    """The verdict of each item: its state, or overdue."""
    late: tuple[str, ...] = ()
    """In which respects the job is late now, or the runs of the answer were late, in words."""
    odd: tuple[str, ...] = ()
    """What is unusual about the run of the answer, in words."""
    asked_since: Run | None = None
    """A run that was requested later, if its result is different."""


def did(
    view: View,
    job: str,
    *,
    zone: ZoneInfo,
    params: Mapping[str, str],
    on: Days | None,
    at: datetime | None,
    now: datetime,
    presence: Presence,
    run: Run | None = None,
    matrix: Mapping[str, str] = MappingProxyType({}),
) -> Did:
    """Answer for a run, a day, an instant, or the newest run that was expected.

    With `matrix`, only for the combinations with these values.
    """
    asked = Asked(view=view, job=job, zone=zone, now=now, presence=presence)
    found = _of(asked, _About(params, matrix), on=on, at=at, run=run)
    is_newest = on is None and at is None and run is None
    return _honest(_with_late(found, asked, is_newest=is_newest), asked)


def did_never(job: str, why: str) -> Did:
    """Answer for a job that was never applied or run."""
    return Did(job=job, answer=Answer.NOT_EXPECTED, line=f"{job}: not expected: {why}", items=())


def did_to_text(found: Did, *, style: Style = PLAIN) -> str:
    """The answer as one line; the job's name is not a word of the answer, so it has no colour."""
    line = printable(found.line)
    name = found.job if line.startswith(found.job) else ""
    return name + style.states(line.removeprefix(name))


def did_to_json(found: Did) -> dict[str, object]:
    """The answer as JSON data."""
    from engine.answers.as_json import run_to_json  # noqa: PLC0415  start-up time: only for JSON

    items = [
        {
            "scheduled_for": item.scheduled_for.isoformat(),
            "state": item_state,
            "reason": item.reason or None,
            "run": run_to_json(item.run) if item.run else None,
            "runs": [run_to_json(run) for run in item.runs if run.matrix],
        }
        for item, item_state in zip(found.items, found.states, strict=True)
    ]
    return {
        "format": 1,
        "job": found.job,
        "answer": found.answer.name.lower(),
        "exit_code": int(found.answer),
        "line": found.line,
        "late": list(found.late),
        "odd": list(found.odd),
        "items": items,
        "asked_since": run_to_json(found.asked_since) if found.asked_since else None,
    }


def _with_late(found: Did, asked: Asked, *, is_newest: bool) -> Did:
    """Add in which respects the runs of the answer are late, and for the newest one the job itself."""
    item = worst_of(asked, found.items) if found.items else None
    view, job, presence, zone, now = asked.view, asked.job, asked.presence, asked.zone, asked.now
    of_item = () if item is None else item_late_words(view, job, item, presence, zone=zone, now=now)
    of_job = late_words_of(view, job, presence, zone=zone, now=now) if is_newest else ()
    late = tuple(dict.fromkeys((*of_item, *of_job)))
    odd = () if item is None else item_odd_words(view, item)
    if not late and not odd:
        return found
    return replace(found, late=late, odd=odd, line="; ".join((found.line, *late, *odd)))


def _honest(found: Did, asked: Asked) -> Did:
    """Mark the answer as uncertain when the job's record in the ledger is partly unreadable."""
    broken = [
        one
        for one in asked.view.unreadable
        if one.job == asked.job and one.table in ("schedule", "gap", "run")
    ]
    is_known = found.answer is Answer.NOT_WELL and bool(found.items)
    if not broken or is_known:
        return found
    line = f"{found.line}; not certain: {broken[0].words}"
    return replace(found, answer=Answer.NOT_WELL, line=line)


class _About(NamedTuple):
    """The params and the combinations that a question is about."""

    params: Mapping[str, str] = MappingProxyType({})
    matrix: Mapping[str, str] = MappingProxyType({})


EVERYTHING: Final = _About()


def _of(asked: Asked, about: _About, *, on: Days | None, at: datetime | None, run: Run | None) -> Did:
    view, job, zone, now = asked.view, asked.job, asked.zone, asked.now
    if run is not None:
        return _did_run(asked, run)
    if at is not None:
        since, until, when = at, at + timedelta(seconds=1), f"at {instant_text(at, zone)}"
    elif on is not None:
        since, until = day_window(on[0], zone)[0], day_window(on[1], zone)[1]
        when = (
            f"on {on[0].isoformat()}"
            if on[0] == on[1]
            else f"from {on[0].isoformat()} to {on[1].isoformat()}"
        )
    else:
        return _did_newest(asked, about)
    found = items_of(view, job, since=since, until=until, now=now)
    scheduled = {item.scheduled_for for item in found if item.is_scheduled}
    counted = [one for one in found if not (_is_backfill(one) and one.scheduled_for in scheduled)]
    fits = _fitting(asked, about)
    items = tuple(_narrowed(after_retries(view, item, job), about) for item in counted if fits(item))
    if not items:
        return _not_expected(asked, when, since=since, until=until)
    line = f"{job} {when}: {_many(asked, items)}"
    worst = _worst(asked, items)
    if on is not None and (gone := gone_requests(view, job, since=since, until=until)):
        line += f"; besides, {gone_words(gone)}"
        states = {answer_of(state, was_started=True) for state in gone}
        worst = next(one for one in _WORST_FIRST if one in {worst, *states})
    coming = sum(1 for at in upcoming(view, job, now=now, until=until) if at < until)
    if coming and worst is Answer.SUCCEEDED:
        return _did(asked, Answer.NOT_OVER, f"{line}; {coming} more to come", items)
    return _did(asked, worst, line, items)


def _did(asked: Asked, answer: Answer, line: str, items: tuple[Item, ...]) -> Did:
    states = (OVERDUE if asked.is_overdue(item) else item.state.value for item in items)
    reasoned = tuple(map(asked.with_reason, items))
    return Did(job=asked.job, answer=answer, line=line, items=reasoned, states=tuple(states))


def day_window(day: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """A local day as [since, until)."""
    start = datetime.combine(day, time(), tzinfo=zone)
    end = datetime.combine(day + timedelta(days=1), time(), tzinfo=zone)
    return start, end


def answer_of(state: RunState, *, was_started: bool) -> Answer:
    """The answer for a run in this state."""
    if state is RunState.SUCCEEDED:
        return Answer.SUCCEEDED
    if state in OPEN_STATES:
        return Answer.NOT_OVER
    if state in (RunState.SKIPPED, RunState.MISSED) or not was_started:
        return Answer.DID_NOT_RUN
    return Answer.NOT_WELL


def _answer(asked: Asked, item: Item) -> Answer:
    if asked.is_overdue(item):
        return Answer.OVERDUE
    return answer_of(item.state, was_started=item.ran)


def worst_of(asked: Asked, items: Sequence[Item]) -> Item:
    """The item that decides the answer for all: the worst one; of several equal ones the last."""
    worst = _worst(asked, items)
    return next((item for item in reversed(items) if _answer(asked, item) is worst), items[-1])


def _worst(asked: Asked, items: Sequence[Item]) -> Answer:
    answers = {_answer(asked, item) for item in items}
    return next((answer for answer in _WORST_FIRST if answer in answers), Answer.SUCCEEDED)


def _did_run(asked: Asked, run: Run) -> Did:
    """Answer for one run, and report the result of its retries."""
    item = item_of(run)
    last = after_retries(asked.view, item, asked.job).run
    again = ""
    if last is not None and last.id != run.id:
        again = f"; {again_words(last)}: {last.verdict.value} (run {short(last.id)})"
    return _did(asked, _answer(asked, item), f"{asked.job}: {_one(asked, item)}{again}", (item,))


def chosen_item(asked: Asked, about: _About = EVERYTHING) -> tuple[Item | None, datetime | None]:
    """The run that an answer without a day or time is about; without one, the next expected instant.

    It is the newest run of the schedule if one is in force, or else the newest after the jobs that it
    follows, and otherwise the newest of any kind. A run that is due just now must not hide that nothing
    started the one before.
    """
    view, job, now = asked.view, asked.job, asked.now
    fits = _fitting(asked, about)
    if has_schedule(view, job, now=now):
        item = newest_item(view, job, now=now, fits=lambda one: one.is_scheduled and fits(one))
        if item is not None and item.run is None and not asked.is_overdue(item):
            before = newest_item(
                view,
                job,
                now=now - GRACE,
                fits=lambda one: one.is_scheduled and fits(one) and one.scheduled_for <= now - GRACE,
            )
            return (before if before is not None and asked.is_overdue(before) else item), None
        if item is not None:
            return item, None
        coming = None if any(about) else next(upcoming(view, job, now=now, until=now + LOOK_BACK), None)
        if coming is not None:
            return None, coming
    elif view.following.upstream(job):
        item = newest_item(view, job, now=now, fits=lambda one: is_following(one) and fits(one))
        if item is not None:
            return item, None
        begins = None if any(about) else upcoming_of_roots(view, job, now=now, until=now + LOOK_BACK)
        if begins is not None:
            return None, begins[0]
    return newest_item(view, job, now=now, fits=fits), None


def _did_newest(asked: Asked, about: _About) -> Did:
    """Answer for the schedule if one is in force, and otherwise for the newest run of any kind.

    A later manual run must not hide that the scheduled run failed: the line reports both.
    """
    view, job, now = asked.view, asked.job, asked.now
    item, coming = chosen_item(asked, about)
    if item is not None:
        item = _narrowed(after_retries(view, item, job), about)
        answer, line = _answer(asked, item), _one(asked, item)
    elif coming is not None:
        answer, line = Answer.NOT_OVER, f"not yet due, {coming_words(view, job, coming, zone=asked.zone)}"
    else:
        return _not_expected(asked, "", since=now, until=now)
    since = item.scheduled_for if item is not None else now - LOOK_BACK
    is_owed = item is None or item.is_scheduled or is_following(item)
    fits = _fitting(asked, about)
    other = asked_since(view, job, since, now=now, fits=fits) if is_owed else None
    other = None if other is None else _narrowed(after_retries(view, other, job), about)
    items = () if item is None else (item,)
    is_alike = item is not None and other is not None and _answer(asked, other) is answer
    if other is None or other.run is None or is_alike:
        return _did(asked, answer, f"{job}: {line}", items)
    return replace(
        _did(asked, answer, f"{job}: {line}; {_since_words(asked, other.run)}", items), asked_since=other.run
    )


def _since_words(asked: Asked, run: Run) -> str:
    """The result of a run that was requested after the one that the answer is about."""
    by = f" by {run.requested_by}" if run.requested_by else ""
    at = instant_text(run.queued_at, asked.zone)
    fate = asked.presence.fates.get(run.id)
    unsettled = f"; {unsettled_words(fate)}" if fate else ""
    return f"a run requested{by} at {at}: {run.verdict.value} (run {short(run.id)}){unsettled}"


def _is_backfill(item: Item) -> bool:
    return item.run is not None and item.run.trigger is TriggerKind.BACKFILL


def _is_retry(item: Item) -> bool:
    return item.run is not None and item.run.retry_of is not None


def _narrowed(item: Item, about: _About) -> Item:
    found = narrowed(item, about.matrix)
    assert found is not None, "an item that does not fit was left out"
    return found


def _fitting(asked: Asked, about: _About) -> Callable[[Item], bool]:
    """A test whether an expected run has these params and combinations, and is not a retry of another.

    For an occurrence without a run the job's defaults count: the run would have had them.
    """
    params = about.params
    defaults = _defaults(asked) if params else {}

    def fits(item: Item) -> bool:
        arguments = (item.arguments or {}) if item.run is not None else {**defaults, **(item.arguments or {})}
        has_all = all(
            name in arguments and value_text(arguments[name]) == text for name, text in params.items()
        )
        return has_all and not _is_retry(item) and narrowed(item, about.matrix) is not None

    return fits


def _defaults(asked: Asked) -> Mapping[str, Value]:
    """The params of a run of the job for which nothing is given."""
    version = asked.view.job_in_force(asked.job)
    text = asked.view.definition_text(version.digest) if version is not None else None
    if text is None:
        return {}
    spec = spec_from_json(text)
    return {param.name: param.default for param in spec.params if param.default is not None}


def _not_expected(asked: Asked, when: str, *, since: datetime, until: datetime) -> Did:
    view, job, now = asked.view, asked.job, asked.now
    if gone := gone_requests(view, job, since=since, until=until):
        return Did(job=job, answer=Answer.NOT_WELL, line=f"{job} {when}: {gone_words(gone)}", items=())
    coming = [at for at in upcoming(view, job, now=now, until=max(until, now)) if since <= at < until]
    begins = None if coming else upcoming_of_roots(view, job, now=max(now, since - INSTANT), until=until)
    if begins is not None and begins[0] < until:
        coming = [begins[0]]
    if coming:
        line = f"{job} {when}: not yet due, {coming_words(view, job, coming[0], zone=asked.zone)}"
        return Did(job=job, answer=Answer.NOT_OVER, line=line, items=())
    what = f"{job} {when}".strip()
    line = f"{what}: not expected, and it did not run"
    return Did(job=job, answer=Answer.NOT_EXPECTED, line=line, items=())


def _many(asked: Asked, items: Sequence[Item]) -> str:
    if len(items) == 1:
        return _one(asked, items[0])
    counts = Counter(verdict_of(asked, item) for item in items)
    parts = [f"{counts[name]} {name}" for name in (*_ORDER, OVERDUE, OPEN) if counts[name]]
    worst = _worst(asked, items)
    verdict = {
        Answer.SUCCEEDED: "yes, all",
        Answer.NOT_WELL: "no",
        Answer.DID_NOT_RUN: "not all of it",
        Answer.OVERDUE: "overdue",
        Answer.NOT_OVER: "not over",
    }[worst]
    item = worst_of(asked, items)
    shown = f"; {instant_text(item.scheduled_for, asked.zone)}: {_why(asked, item)}"
    return f"{verdict}: {', '.join(parts)} of {len(items)}{'' if worst is Answer.SUCCEEDED else shown}"


_WORST_FIRST = (
    *(Answer.NOT_WELL, Answer.DID_NOT_RUN, Answer.OVERDUE, Answer.NOT_OVER),
    Answer.SUCCEEDED,
)
_ORDER = ("succeeded", "failed", "timed_out", "cancelled", "lost", "skipped", "missed")


def verdict_of(asked: Asked, item: Item) -> str:
    """The verdict of an expected run: its state, or that it is overdue."""
    if asked.is_overdue(item):
        return OVERDUE
    return verdict_word(item.state)


def _one(asked: Asked, item: Item) -> str:
    run = item.run
    place, known = place_words(item, asked.zone), _known(item)
    match _answer(asked, item):
        case Answer.SUCCEEDED if run is None:
            return f"yes, it ran and succeeded ({place}; no details are kept)"
        case Answer.SUCCEEDED:
            assert run is not None
            late = ", as was found later" if run.resolved else ""
            return f"yes, it ran and succeeded{late} ({place}{_effort(item, run)}{known})"
        case Answer.NOT_WELL if item.state is RunState.LOST:
            return f"unknown: it started, but its end was not observed: {_why(asked, item)} ({place}{known})"
        case Answer.NOT_WELL:
            tries = f" after {run.attempt} attempts" if run and run.attempt > 1 else ""
            why = _why(asked, item)
            return f"no, it ran and did not succeed: {item.state.value}{tries}, {why} ({place}{known})"
        case Answer.DID_NOT_RUN if item.state is RunState.FAILED:
            return f"no, {start_error_words(_why(asked, item))} ({place}{known})"
        case Answer.DID_NOT_RUN:
            return f"no, {_not_run(asked, item)} ({place}{known})"
        case Answer.OVERDUE:
            has_run = "its next attempt has not started" if item.ran else "it has not run"
            return f"overdue, {has_run}: {_why(asked, item)} ({place}{known})"
        case _ if item.reason == AWAITS:
            return f"not yet: {_why(asked, item)} ({place})"
        case _ if item.reason == NOT_ACCOUNTED:
            return f"it has not run: {_why(asked, item)} ({place})"
        case _:
            why = _why(asked, item)
            detail_text = f", {why}" if why != item.state.value else ""
            return f"not over: {item.state.value}{detail_text} ({place}{known})"


def _not_run(asked: Asked, item: Item) -> str:
    if item.reason == Reason.NOTHING_TO_DO:
        return f"it ran and had nothing to do: {item.state.value}"
    what = "not all of it ran" if item.ran else "it did not run"
    return f"{what}: {item.state.value}, {_why(asked, item)}"


def _known(item: Item) -> str:
    """The run that an answer is about; with a matrix, how its combinations ended, and which one decided."""
    tally = f", {words}" if (words := tally_words(item)) else ""
    if item.run is None or (tally and item.state is RunState.SUCCEEDED):
        return tally
    which = f" of {combination_text(item.run.matrix)}" if item.run.matrix else ""
    return f"{tally}, run {short(item.run.id)}{which}"


def _effort(item: Item, run: Run) -> str:
    """How many attempts a run needed, and how long the last took; nothing about several runs."""
    if len(item.runs) > 1:
        return ""
    tries = f", attempt {run.attempt}" if run.attempt > 1 else ""
    return f"{tries}, took {_took(run)}" if run.started_at and run.ended_at else tries


def _why(asked: Asked, item: Item) -> str:
    return asked.words(item) or item.state.value


def _took(run: Run) -> str:
    assert run.started_at is not None
    assert run.ended_at is not None
    return seconds_text((run.ended_at - run.started_at).total_seconds())
