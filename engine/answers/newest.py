"""Finds the newest expected run of a job, backwards in time."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

from engine.answers.expected import INSTANT, Item, item_of
from engine.answers.following import is_following, items_of
from engine.core.lifecycle import Run
from engine.ledger.ports import History, View

Fits = Callable[[Item], bool]
"""A test whether the question is about an expected run."""

LOOK_BACK = timedelta(days=400)
"""How far back the newest expected run is searched."""

FIRST_LOOK = timedelta(hours=1)
"""The first period that is searched; each earlier one is four times as long."""

FAR = datetime(9999, 1, 1, tzinfo=UTC)
"""Later than the nominal time of any run, which may be in the future for a requested one."""


def has_schedule(view: History, job: str, *, now: datetime) -> bool:
    """Whether a schedule of the job is in force."""
    return any(
        one.active_until is None for one in view.schedules_between(job, since=now, until=now + INSTANT)
    )


def newest_item(view: View, job: str, *, now: datetime, fits: Fits) -> Item | None:
    """The newest expected run that fits, scheduled or requested; None when there is none."""
    found = _newest_in(view, job, since=now + INSTANT, until=FAR, now=now, fits=fits)
    until, span = now + INSTANT, FIRST_LOOK
    while found is None and until > now - LOOK_BACK:
        since = max(now - LOOK_BACK, until - span)
        found = _newest_in(view, job, since=since, until=until, now=now, fits=fits)
        until, span = since, span * 4
    if found is None:
        item = item_with(view, view.newest_run(job, until=FAR))
        found = item if item is not None and fits(item) else None
    return found


def item_with(view: View, run: Run | None) -> Item | None:
    """The item of the occurrence that a run belongs to; a manual retry is one of its own."""
    if run is None or not run.occurrence or run.retry_of is not None:
        return None if run is None else item_of(run)
    return item_of(*(one for one in view.runs_of(run.occurrence) if one.retry_of is None))


def item_at(view: View, job: str, at: datetime, *, now: datetime) -> Item | None:
    """The run that was expected at an instant; None when there was none."""
    items = items_of(view, job, since=at, until=at + timedelta(seconds=1), now=now)
    return decisive(items) if items else None


def decisive(items: Sequence[Item]) -> Item:
    """Of several runs for one instant, the one of the schedule; without one, the last that is no retry."""
    first = [item for item in items if item.run is None or item.run.retry_of is None]
    return next((one for one in items if one.is_scheduled), first[-1] if first else items[-1])


def asked_since(view: View, job: str, at: datetime, *, now: datetime, fits: Fits) -> Item | None:
    """The newest run that was requested after an instant, for that instant or a later time."""

    def is_since(item: Item) -> bool:
        is_asked = not item.is_scheduled and not is_following(item)
        return is_asked and item.run is not None and item.run.queued_at > at and fits(item)

    return _newest_in(view, job, since=at, until=FAR, now=now, fits=is_since)


def _newest_in(
    view: View, job: str, *, since: datetime, until: datetime, now: datetime, fits: Fits
) -> Item | None:
    items = items_of(view, job, since=since, until=until, now=now)
    return next((item for item in reversed(items) if fits(item)), None)
