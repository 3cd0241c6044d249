"""Schedule entries and a window -> the instants at which they fire. Pure: no clock, no host zone.

An entry's instants depend on its text, its zone and tzdata alone, never on where a search begins. They
are found piece by piece: between two changes of a clock local time runs evenly, so a piece is walked
along the local calendar, and what a change does to it is decided where the piece begins.
"""

import heapq
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import partial
from itertools import chain, repeat
from typing import NamedTuple, assert_never

from jobfile.clockeffects import (
    ClockEffect,
    clock_effects,
    explain_fire,
    fold_dates,
    gap_dates,
    within_calendar,
)
from jobfile.crontime import cron_batches
from jobfile.model import AtEntry, BusinessDayEntry, CronEntry, EveryEntry, OnClosed, ScheduleEntry
from jobfile.opendays import business_day_instants, is_open, moved_instants
from jobfile.zones import EPOCH, HORIZON, TZDATA_VERSION, ClockChange, clock_changes, load_zone, zone_names

__all__ = [
    "TZDATA_VERSION",
    "ClockChange",
    "ClockEffect",
    "Fire",
    "clock_changes",
    "clock_effects",
    "explain_fire",
    "fires",
    "fold_dates",
    "gap_dates",
    "load_zone",
    "next_fire",
    "spread_delay",
    "zone_names",
]


class Fire(NamedTuple):
    """An instant (aware, UTC) and the index of the entry that gives it: the first, when several do.

    A tuple, because millions are made when a month is looked at.
    """

    at: datetime
    entry: int


def fires(entries: Sequence[ScheduleEntry], *, after: datetime, until: datetime) -> Iterator[Fire]:
    """The fires of a union of checked entries in (after, until], strictly increasing, found one at a time."""
    after, until = within_calendar(after), within_calendar(until)
    streams = [_fires_of(entry, index, after, until) for index, entry in enumerate(entries)]
    return streams[0] if len(streams) == 1 else _once_each(heapq.merge(*streams))


def _fires_of(entry: ScheduleEntry, index: int, after: datetime, until: datetime) -> Iterator[Fire]:
    return map(_new_fire, zip(_instants(entry, after, until), repeat(index)))


_new_fire: Callable[[tuple[datetime, int]], Fire] = partial(tuple.__new__, Fire)


def _once_each(merged: Iterable[Fire]) -> Iterator[Fire]:
    """Fires at one instant come ordered by entry, so the first entry wins."""
    last = None
    for fire in merged:
        if fire.at != last:
            last = fire.at
            yield fire


def next_fire(entries: Sequence[ScheduleEntry], *, after: datetime) -> Fire | None:
    """The first fire after an instant; None when there is none before the calendar ends."""
    after = within_calendar(after)
    until = HORIZON
    first = None
    for index, entry in enumerate(entries):
        at = next(_instants(entry, after, until), None)
        if at is not None:
            first, until = Fire(at=at, entry=index), at - timedelta.resolution
    assert first is None or first.at > after, "an occurrence lies after the instant it is searched from"
    return first


def spread_delay(spread: timedelta | None, job: str) -> timedelta:
    """How much later than its nominal time a job starts: the same on every day and on every engine."""
    seconds = 0 if spread is None else spread // timedelta(seconds=1)
    if seconds < 1:
        return timedelta(0)
    from hashlib import sha256  # noqa: PLC0415  start-up time: few schedules have a spread

    return timedelta(seconds=int.from_bytes(sha256(job.encode()).digest(), "big") % seconds)


def _instants(entry: ScheduleEntry, after: datetime, until: datetime) -> Iterator[datetime]:
    """The nominal instants of one entry in (after, until], within its own first and last day."""
    if entry.from_day is not None:
        after = max(after, _midnight(entry.from_day, entry.timezone) - timedelta.resolution)
    if entry.until_day is not None:
        end = _midnight(entry.until_day + timedelta(days=1), entry.timezone)
        until = min(until, end - timedelta.resolution)
    if after >= until:
        return iter(())
    match entry:
        case CronEntry():
            return _cron_instants(entry, after, until)
        case EveryEntry():
            return _every_instants(entry, after, until)
        case AtEntry():
            return (at for at in entry.at if after < at <= until)
        case BusinessDayEntry():
            return business_day_instants(entry, after, until)
        case _:
            assert_never(entry)


def _midnight(day: date, zone: str) -> datetime:
    """The instant at which a local day begins; where its midnight is left out, the end of the gap."""
    return datetime(day.year, day.month, day.day, tzinfo=load_zone(zone)).astimezone(UTC)


def _cron_instants(entry: CronEntry, after: datetime, until: datetime) -> Iterator[datetime]:
    calendar = entry.calendar
    if calendar is None:
        return chain.from_iterable(cron_batches(entry, after, until))
    if entry.on_closed is not OnClosed.SKIP:
        return moved_instants(entry, calendar, after, until)
    zone = load_zone(entry.timezone)
    every = chain.from_iterable(cron_batches(entry, after, until))
    return (at for at in every if is_open(calendar, at.astimezone(zone).date()))


def _every_instants(entry: EveryEntry, after: datetime, until: datetime) -> Iterator[datetime]:
    """Whole multiples of the period since the epoch; anchored there, not at the start of any engine."""
    period = entry.every
    at = after
    wait = period - (after - EPOCH) % period
    while until - at >= wait:
        at += wait
        yield at
        wait = period
