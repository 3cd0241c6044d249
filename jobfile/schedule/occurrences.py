"""Finds the instants in a window at which schedule entries fire. It reads no clock and no zone of the host.

An entry's instants depend only on its text, its zone and tzdata, never on where a search begins: so plan,
simulation and engine always agree. local_times.py has the rules for local times.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import partial
from itertools import chain, repeat
from typing import assert_never

from jobfile.model.hashing import sha256
from jobfile.model.jobs import AtEntry, BusinessDayEntry, CronEntry, EveryEntry, ScheduleEntry
from jobfile.model.namedtuple import NamedTuple
from jobfile.schedule.dst_effects import (
    ClockEffect,
    clock_effects,
    explain_fire,
    fold_dates,
    gap_dates,
    within_calendar,
)
from jobfile.schedule.local_times import local_batches, local_times, pieces_of_year, seconds_of
from jobfile.schedule.zones import (
    EPOCH,
    HORIZON,
    TZDATA_VERSION,
    ClockChange,
    clock_changes,
    load_zone,
    zone_names,
)

__all__ = [
    "TZDATA_VERSION",
    "ClockChange",
    "ClockEffect",
    "Fire",
    "NotAdvancingError",
    "clock_changes",
    "clock_effects",
    "explain_fire",
    "fires",
    "fold_dates",
    "gap_dates",
    "load_zone",
    "next_fire",
    "previous_fire",
    "spread_delay",
    "zone_names",
]


_FAR_BACK = timedelta(days=20 * 366)


class NotAdvancingError(Exception):
    """A search returned an instant that is not after its start, so its caller would loop forever: a bug."""


class Fire(NamedTuple):
    """An instant (aware, UTC) and the index of its entry; the first entry, if several match.

    A tuple, because looking at a month can create millions of them.
    """

    at: datetime
    entry: int


def fires(entries: Sequence[ScheduleEntry], *, after: datetime, until: datetime) -> Iterator[Fire]:
    """The fires of several checked entries in (after, until], strictly increasing, found one at a time."""
    after, until = within_calendar(after), within_calendar(until)
    streams = [_fires_of(entry, index, after, until) for index, entry in enumerate(entries)]
    if len(streams) == 1:
        return streams[0]
    from heapq import merge  # noqa: PLC0415  start-up time: most schedules have one entry

    return _once_each(merge(*streams))


def _fires_of(entry: ScheduleEntry, index: int, after: datetime, until: datetime) -> Iterator[Fire]:
    return map(_new_fire, zip(_instants(entry, after, until), repeat(index)))


# Without the generated __new__, a Python function: a third less time for each fire of `*/5 * * * *`.
_new_fire: Callable[[tuple[datetime, int]], Fire] = partial(tuple.__new__, Fire)


def _once_each(merged: Iterable[Fire]) -> Iterator[Fire]:
    """Drop repeated instants.

    Fires at the same instant are ordered by entry, so the first entry's is kept.
    """
    last = None
    for fire in merged:
        if fire.at != last:
            last = fire.at
            yield fire


def fire_at(entries: Sequence[ScheduleEntry], at: datetime) -> Fire | None:
    """The fire at an instant; None if the entries do not fire then."""
    return next(fires(entries, after=at - timedelta.resolution, until=at), None)


def next_fire(entries: Sequence[ScheduleEntry], *, after: datetime) -> Fire | None:
    """The first fire after an instant; None if there is none before the calendar ends."""
    after = within_calendar(after)
    until = HORIZON
    first = None
    for index, entry in enumerate(entries):
        at = next(_instants(entry, after, until), None)
        if at is not None:
            # Later entries are searched only for an earlier instant: at the same one, the first entry counts.
            first, until = Fire(at=at, entry=index), at - timedelta.resolution
    if first is not None and first.at <= after:
        raise NotAdvancingError(f"the fire after {after} is found at {first.at}: a bug in jobfile")
    return first


def previous_fire(entries: Sequence[ScheduleEntry], *, before: datetime) -> Fire | None:
    """The last fire before an instant; None if there is none in the twenty years before.

    Fires can only be found forward, so windows before the instant are searched, each four times as long as
    the last: short ones find a frequent entry without a walk through years of fires.
    """
    until, span = before - timedelta.resolution, timedelta(hours=1)
    while span < _FAR_BACK:
        found = None
        for found in fires(entries, after=until - span, until=until):  # noqa: B007  the last one
            pass
        if found is not None:
            return found
        until, span = until - span, span * 4
    return None


def spread_delay(spread: timedelta | None, job: str) -> timedelta:
    """The delay of a job after its nominal time: a hash of its name, so
    the same on every day and every engine.
    """
    seconds = 0 if spread is None else spread // timedelta(seconds=1)
    if seconds < 1:
        return timedelta(0)

    return timedelta(seconds=int.from_bytes(sha256(job.encode()).digest(), "big") % seconds)


def _instants(entry: ScheduleEntry, after: datetime, until: datetime) -> Iterator[datetime]:
    """The nominal instants of one entry in (after, until], from its first to its last local day."""
    if entry.from_day is not None:
        after = max(after, _utc_midnight(entry.from_day) - _AROUND_A_DAY)
    if entry.until_day is not None:
        until = min(until, _utc_midnight(entry.until_day) + _AROUND_A_DAY)
    if after >= until:
        return iter(())
    match entry:
        case CronEntry() | BusinessDayEntry():
            return chain.from_iterable(local_batches(local_times(entry), entry.timezone, after, until))
        case EveryEntry() if entry.from_day is entry.until_day is None:
            return _every_instants(entry, after, until)
        case EveryEntry():
            stretches = _inside_days(entry, after, until)
            return chain.from_iterable(_every_instants(entry, low, high) for low, high in stretches)
        case AtEntry():
            stretches = _inside_days(entry, after, until)
            return (at for low, high in stretches for at in entry.at if low < at <= high)
        case _:
            assert_never(entry)


_AROUND_A_DAY = timedelta(days=2)
"""More than any local midnight can differ from UTC midnight of the same date."""


def _utc_midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _inside_days(
    entry: EveryEntry | AtEntry, after: datetime, until: datetime
) -> Iterator[tuple[datetime, datetime]]:
    """The ranges (low, high] of (after, until] that are on the local days of an entry.

    There may be several at each end: a clock that is set back over midnight enters a day twice.
    """
    first, last = entry.from_day, entry.until_day
    begin = after if first is None else min(until, max(after, _utc_midnight(first) + _AROUND_A_DAY))
    end = until if last is None else max(begin, min(until, _utc_midnight(last) - _AROUND_A_DAY))
    yield from _pieces_inside_days(entry, after, begin)
    yield begin, end
    yield from _pieces_inside_days(entry, end, until)


def _pieces_inside_days(
    entry: EveryEntry | AtEntry, after: datetime, until: datetime
) -> Iterator[tuple[datetime, datetime]]:
    for year in range(after.year, until.year + 1) if after < until else ():
        for piece in pieces_of_year(entry.timezone, year):
            low, high = piece.start, piece.end
            if entry.from_day is not None:
                low = max(low, seconds_of(_utc_midnight(entry.from_day)) - piece.offset)
            if entry.until_day is not None:
                high = min(high, seconds_of(_utc_midnight(entry.until_day)) + 86_400 - piece.offset)
            yield (
                max(after, EPOCH + timedelta(seconds=low) - timedelta.resolution),
                min(until, EPOCH + timedelta(seconds=high) - timedelta.resolution),
            )


def _every_instants(entry: EveryEntry, after: datetime, until: datetime) -> Iterator[datetime]:
    """Whole multiples of the period since the epoch; they do not depend on the start of an engine."""
    period = entry.every
    at = after
    wait = period - (after - EPOCH) % period
    while until - at >= wait:  # not `at + wait <= until`, which could leave the calendar
        at += wait
        yield at
        wait = period
