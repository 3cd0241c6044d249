"""Finds runs that are overdue, and explains why, and what the next engine will do with them."""

from collections.abc import Iterator
from datetime import datetime, tzinfo
from itertools import chain, islice
from typing import TYPE_CHECKING

from engine.answers.expected import INSTANT, Item, item_of, pause_at, start_of
from engine.answers.presence import GRACE, Presence
from engine.answers.shared_fires import SharedFires
from engine.core.lifecycle import Run, RunState
from engine.core.occurrences import grouped
from engine.core.records import Schedule
from engine.core.vocabulary import reason_words
from engine.ledger.ports import Current, History, View

if TYPE_CHECKING:
    from jobfile.schedule.occurrences import Fire

OVERDUE = "overdue"
"""The verdict of a due run that nothing has started; the next engine gives it a state."""
NOT_WELL = ("failed", "timed_out", "lost", "missed", OVERDUE)
"""Verdicts that need attention. A skip is the author's decision, and a cancel a user's."""
OPEN = "open"
"""The verdict of a run that is not over and not overdue."""

MAX_COUNTED = 10_000
"""Maximum number of overdue occurrences counted for one schedule."""


def verdict_word(state: RunState) -> str:
    """What a run in a state counts as, unless it is overdue: its state once it is over."""
    return state.value if state.is_final else OPEN


def is_overdue(item: Item, presence: Presence, now: datetime) -> bool:
    """Whether an expected run was due some time ago, and nothing has started it.

    A running engine decides immediately, so an undecided occurrence is overdue, even then. A recorded run
    that waits under a running engine has a reason to wait.
    """
    due_at = min((at for at in map(_due_of, item.runs) if at is not None), default=item.due_at)
    is_waiting_for_engine = item.run is None or presence.is_idle
    return due_at is not None and is_waiting_for_engine and now - due_at > GRACE


def overdue_runs(view: Current, presence: Presence, now: datetime) -> tuple[Run, ...]:
    """The recorded runs that are overdue, oldest first; one of each occurrence."""
    found = (run for run in view.open_runs() if is_overdue(item_of(run), presence, now))
    return tuple(runs[0] for runs in grouped(found))


def count_overdue(view: View, presence: Presence, now: datetime) -> int:
    """The number of overdue runs of all jobs; at most MAX_COUNTED of each."""
    shared, undecided = SharedFires(), 0
    for schedule in view.soundness.schedules_in_force():
        found = overdue_fires(view, schedule, shared, after=schedule.covered_until, now=now)
        undecided += sum(1 for _ in islice(found, MAX_COUNTED))
    return undecided + len(overdue_runs(view, presence, now))


def overdue_fires(
    view: History, schedule: Schedule, shared: SharedFires, *, after: datetime, now: datetime
) -> "Iterator[Fire]":
    """The overdue occurrences of a schedule after an instant: no engine has decided about them."""
    after = max(after, schedule.covered_until)
    found = iter(shared.between(schedule.entries, after=after, until=now - GRACE))
    first = next(found, None)
    if first is None:
        return
    pauses = view.pauses_between(schedule.job, since=first.at, until=now)
    for fire in chain((first,), found):
        if pause_at(pauses, fire.at) is None and now - start_of(schedule, fire) > GRACE:
            yield fire


def overdue_words(view: View, item: Item, presence: Presence, *, zone: tzinfo, now: datetime) -> str:
    """Why an overdue run has not run, and what the next engine will do with it."""
    obstacle = presence.obstacle(zone) or "the engine is running but has not decided about it"
    if item.run is None and item.schedule is None and item.detail:
        return f"{item.detail}; {obstacle}"
    upshot = "" if presence.is_running else _upshot(view, item, now)
    return f"{obstacle}{f'; `jobfile up` {upshot}' if upshot else ''}"


def _due_of(run: Run) -> datetime | None:
    """When a recorded run must start; None for one that runs or is over."""
    if run.state is RunState.QUEUED:
        return run.not_before
    return run.retry_at if run.state is RunState.RETRY_WAIT else None


def _upshot(view: View, item: Item, now: datetime) -> str:
    run = next((one for one in item.runs if _due_of(one) is not None), item.run)
    if run is None:
        return _catchup_upshot(view, item.schedule, item.scheduled_for, now) if item.schedule else ""
    if run.state is RunState.RETRY_WAIT:
        return f"then starts attempt {run.attempt + 1}"
    if run.start_by is not None and run.start_by < now:
        return f"then records it as missed: {reason_words('start_deadline', '')}"
    return "then starts it"


def _catchup_upshot(view: View, schedule: Schedule, at: datetime, now: datetime) -> str:
    """What the job's catch-up policy does with an occurrence, computed with the engine's own `due`.

    The decision about an occurrence depends on no earlier one, so the window begins right before it.
    """
    from engine.core.due import due  # noqa: PLC0415  start-up time: only where something is overdue
    from engine.triggers.schedule import rules_of  # noqa: PLC0415  start-up time: only where something is overdue
    from jobfile.model.canonical import spec_from_json  # noqa: PLC0415  start-up time: only where something is overdue

    version = view.job_in_force(schedule.job)
    text = view.definition_text(version.digest) if version is not None else None
    if text is None:
        return ""
    spec = spec_from_json(text)
    pauses = view.pauses_between(schedule.job, since=at, until=now)
    rules = rules_of(spec, schedule.entries)
    found = due(rules, covered_until=at - INSTANT, now=now, pauses=pauses)
    policy = f"(catchup: {spec.catchup.mode.value})"
    if any(one.fire.at == at for one in found.to_run):
        return f"then runs it late {policy}"
    not_run = next((one for one in found.not_run if one.first <= at <= one.last), None)
    if not_run is None:
        return ""
    return (
        f"then records it as {not_run.state.value}: {reason_words(not_run.reason, not_run.detail)} {policy}"
    )
