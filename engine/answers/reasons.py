"""Explains why a run is in its state, also by other rows of the ledger than the run's own."""

from datetime import UTC, datetime, timedelta, tzinfo
from itertools import takewhile

from engine.answers.expected import INSTANT, NOT_ACCOUNTED, Item
from engine.answers.following import AWAITS, MOST_CAUSES
from engine.answers.overdue import is_overdue, overdue_words
from engine.answers.presence import Presence, unsettled_words
from engine.answers.waiting import line_for, places_words, queue_words
from engine.core.lifecycle import Run, RunState
from engine.core.reasons import Reason
from engine.core.records import ENGINE_DOWN, ENGINE_UNABLE
from engine.core.vocabulary import (
    in_words,
    instant_text,
    reason_words,
    run_text,
    seconds_text,
    short,
    start_error_words,
)
from engine.ledger.ports import Current, EngineHistory, History, View

WAITS_LONG = timedelta(seconds=2)
"""A startable run that waits longer than this waits for a free slot: otherwise
the engine starts it immediately.
"""

SOON = timedelta(days=40)
"""How far after a superseded occurrence the run in its place is searched."""

_MAX_AT_ONCE = 1_000
"""Maximum number of runs that one look for it reads."""

_STOPPED_BY = ("cancel", "kill")
_OF_ITSELF = (RunState.SUCCEEDED, RunState.FAILED, RunState.TIMED_OUT)
_WAITS = (Reason.OVERLAP, "")


def item_words(view: View, item: Item, presence: Presence, *, zone: tzinfo, now: datetime) -> str:
    """Why an expected run is in its state; empty when that needs no reason."""
    if is_overdue(item, presence, now):
        return overdue_words(view, item, presence, zone=zone, now=now)
    run = item.run
    if run is not None and run.id in presence.fates:
        return unsettled_words(presence.fates[run.id])
    if item.reason == NOT_ACCOUNTED:
        paused = f"{reason_words('paused', item.detail)}, and " if item.detail else ""
        return f"{paused}{presence.obstacle(zone) or 'the engine is about to decide'}"
    match item.reason:
        case Reason.SUPERSEDED:
            return f"{_superseded_words(view, item, zone)} (catchup: last)"
        case reason if reason == ENGINE_DOWN:
            return absence_words(view, item.scheduled_for)
        case reason if reason == AWAITS or (run is None and reason == Reason.AFTER):
            return item.detail
    if run is None:
        return reason_words(item.reason, item.detail)
    return _run_words(view, run, zone=zone, now=now)


def _run_words(view: View, run: Run, *, zone: tzinfo, now: datetime) -> str:
    match run.reason:
        case Reason.OVERLAP if run.state is RunState.SKIPPED:
            return _skipped_words(view, run)
        case Reason.BY_HAND:
            return _cancelled_words(view, run)
        case Reason.AFTER:
            return _upstream_words(view, run)
        case reason if run.state is RunState.QUEUED and reason in _WAITS:
            return _waiting_words(view, run, zone=zone, now=now) or in_words(run)
    if run.state is RunState.RETRY_WAIT and run.retry_at is not None:
        line = line_for(run, view.open_runs(), now) if run.queue and run.retry_at <= now else None
        if line is not None and line.queue:
            return f"{in_words(run)}; attempt {run.attempt + 1} waits: {queue_words(line)}"
        if run.retry_at <= now and (words := _host_words(view, run, now)):
            return f"{in_words(run)}; attempt {run.attempt + 1} waits: {words}"
        return f"{in_words(run)}; attempt {run.attempt + 1} starts {instant_text(run.retry_at, zone)}"
    if run.state is RunState.RUNNING:
        return _host_words(view, run, now) or in_words(run)
    return in_words(run)


def item_reason(view: View, item: Item, *, now: datetime) -> str:
    """The reason of an expected run: that of the ledger, or that it waits for a host."""
    run = item.run
    if item.reason or run is None or run.state.is_final or view.hosts is None:
        return item.reason
    words = _host_words(view, run, now)
    if run.state is RunState.QUEUED and words != _waiting_words(view, run, zone=UTC, now=now):
        return ""  # another run blocks it first
    return Reason.NO_HOST if words else ""


def _host_words(view: View, run: Run, now: datetime) -> str:
    """That a run, or an attempt of it, waits for a host, and why; empty if hosts do not share the ledger."""
    if view.hosts is None:
        return ""
    from engine.answers.placing import run_hindrance  # noqa: PLC0415  start-up time: only with a server

    hindrance = run_hindrance(view, run, now=now)
    return reason_words(Reason.NO_HOST, hindrance) if hindrance else ""


def absence_words(view: EngineHistory, at: datetime) -> str:
    """Why no engine decided about an instant in time.

    It says that none was running only when that is known.
    """
    session = view.session_before(at)
    if session is not None and at <= (session.ended_at or session.last_seen_at):
        return reason_words(ENGINE_UNABLE, "")
    return reason_words(ENGINE_DOWN, "")


def _superseded_words(view: History, item: Item, zone: tzinfo) -> str:
    """Which later run was made instead of a superseded occurrence."""
    words = reason_words(Reason.SUPERSEDED, item.run.detail if item.run is not None else item.detail)
    since, span = item.scheduled_for + INSTANT, timedelta(hours=1)
    while since < item.scheduled_for + SOON and item.run is not None:
        found = view.runs_between(item.run.job, since=since, until=since + span, limit=_MAX_AT_ONCE)
        made = [
            run
            for run in reversed(found)
            if run.schedule_key is not None and run.state is not RunState.SKIPPED
        ]
        if made:
            return (
                f"{words}: run {short(made[0].id)}, scheduled for {instant_text(made[0].scheduled_for, zone)}"
            )
        since, span = since + span, span * 4
    return words


def _skipped_words(view: Current, run: Run) -> str:
    """Which run blocked a skipped run; if the blocking run was waiting itself, why."""
    other = view.run(run.detail)
    words = in_words(run)
    if other is None or run.ended_at is None or (other.started_at and other.started_at <= run.ended_at):
        return words
    return f"{words}, which was waiting itself"


def _upstream_words(view: Current, run: Run) -> str:
    """How the first run of a chain ended, and which jobs after it did not run because of that."""
    first, between = view.run(run.detail), list[str]()
    while first is not None and first.reason == Reason.AFTER and len(between) < MOST_CAUSES:
        between.insert(0, first.job)
        first = view.run(first.detail)
    if first is None:
        return in_words(run)
    words = in_words(first) if first.verdict is not RunState.SUCCEEDED else ""
    why = f", {words}" if words else ""
    so = f", so {', '.join(between)} did not run" if between else ""
    return f"{run_text(first)} {_ended_words(first)}{why} (run {short(first.id)}){so}"


def _ended_words(run: Run) -> str:
    """How a run ended, as the rest of a sentence about its job."""
    verdict = run.verdict.value.replace("_", " ")
    return verdict if run.verdict in _OF_ITSELF else f"was {verdict}"


def _cancelled_words(view: EngineHistory, run: Run) -> str:
    """Who cancelled a run, and why."""
    who = [one.actor for one in view.audit_of(run.id) if one.action in _STOPPED_BY]
    words = f"cancelled by {who[-1]}" if who else reason_words(Reason.BY_HAND, "")
    return f"{words}: {run.detail}" if run.detail else words


def _waiting_words(view: View, run: Run, *, zone: tzinfo, now: datetime) -> str:
    """What a startable run waits for: the run that blocks it, or a free slot."""
    if run.not_before > now:
        return ""
    opened = view.open_runs()
    active = [one for one in opened if one.state is not RunState.QUEUED]
    in_way = [
        one
        for one in active
        if one.concurrency_key == run.concurrency_key and (not run.slot or one.slot != run.slot)
    ]
    slots = {one.slot or one.id for one in in_way}
    if run.concurrency_limit is not None and len(slots) >= run.concurrency_limit:
        words = reason_words(Reason.OVERLAP, in_way[0].id)
        is_between = in_way[0].state is RunState.RETRY_WAIT
        return f"{words}, which waits for its retry" if is_between else words
    before = takewhile(lambda one: one.id != run.id, opened)
    first = next((one for one in before if one.concurrency_key == run.concurrency_key), None)
    if run.reason == Reason.OVERLAP and first is not None:
        return f"{reason_words('overlap', first.id)}, which is waiting itself"
    line = line_for(run, opened, now)
    if line is not None and line.queue:
        return queue_words(line)
    if view.hosts is not None and (words := _host_words(view, run, now)):
        return words
    if line is None:
        return ""
    return "" if now - max(run.not_before, run.queued_at) < WAITS_LONG else places_words(line, zone)


def end_line(run: Run) -> str:
    """How a run ended, in one line."""
    took = ""
    if run.started_at and run.ended_at and run.attempt:
        took = f" after {seconds_text((run.ended_at - run.started_at).total_seconds())}"
    tries = f", {run.attempt} attempts" if run.attempt > 1 else ""
    words = in_words(run)
    if run.state is RunState.FAILED and not run.was_executed:
        took, words = "", start_error_words(words)
    why = f": {words}" if words else ""
    return f"{run_text(run)}: {run.state.value}{took}{tries}{why}  (run {short(run.id)})"
