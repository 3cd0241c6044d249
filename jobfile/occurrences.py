"""Schedule entries and a window -> the instants at which they fire. Pure: no clock, no host zone.

An entry's instants depend on its text, its zone and tzdata alone, never on where a search begins. They
are found piece by piece: between two changes of a clock local time runs evenly, so a piece is walked
along the local calendar, and what a change does to it is decided where the piece begins.
"""

import heapq
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache, partial
from itertools import chain, repeat
from typing import NamedTuple

from jobfile.cron import CronExpression, parse_cron
from jobfile.model import CronEntry, EveryEntry, ScheduleEntry
from jobfile.zones import (
    EPOCH,
    HORIZON,
    LEAST_YEAR,
    TZDATA_VERSION,
    ClockChange,
    changes_of_year,
    clock_changes,
    load_zone,
    zone_names,
)

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
    "zone_names",
]

LONGEST_SHIFT = timedelta(hours=3)
"""A clock set by this much has moved to another date or place: nothing is made up for or held back."""

_BEGINNING = datetime(LEAST_YEAR + 1, 1, 1, tzinfo=UTC)
_EPOCH_DAY = EPOCH.toordinal()
_SECOND = timedelta(seconds=1)
_MINUTES_A_DAY = 1440
_MONTH_DAYS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


class Fire(NamedTuple):
    """An instant (aware, UTC) and the index of the entry that gives it: the first, when several do.

    A tuple, because millions are made when a month is looked at.
    """

    at: datetime
    entry: int


def fires(entries: Sequence[ScheduleEntry], *, after: datetime, until: datetime) -> Iterator[Fire]:
    """The fires of a union of checked entries in (after, until], strictly increasing, found one at a time."""
    after, until = _within_calendar(after), _within_calendar(until)
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
    after = _within_calendar(after)
    until = HORIZON
    first = None
    for index, entry in enumerate(entries):
        at = next(_instants(entry, after, until), None)
        if at is not None:
            first, until = Fire(at=at, entry=index), at - timedelta.resolution
    assert first is None or first.at > after, "an occurrence lies after the instant it is searched from"
    return first


def _within_calendar(instant: datetime) -> datetime:
    if instant.tzinfo is UTC and _BEGINNING <= instant <= HORIZON:
        return instant
    return min(max(instant, _BEGINNING), HORIZON).astimezone(UTC)


def _instants(entry: ScheduleEntry, after: datetime, until: datetime) -> Iterator[datetime]:
    if isinstance(entry, CronEntry):
        return chain.from_iterable(_cron_batches(entry, after, until))
    return _every_instants(entry, after, until)


def _every_instants(entry: EveryEntry, after: datetime, until: datetime) -> Iterator[datetime]:
    """Whole multiples of the period since the epoch; anchored there, not at the start of any engine."""
    period = entry.every
    at = after
    wait = period - (after - EPOCH) % period
    while until - at >= wait:
        at += wait
        yield at
        wait = period


# --- cron: local time in pieces


@dataclass(frozen=True, slots=True)
class _Piece:
    """A stretch of UTC, in seconds since the epoch, [start, end), whose local time has one offset.

    `gap_from` is the local second at which a gap begins that ends where the piece starts;
    `repeats_until` the instant up to which the piece shows local times for the second time.
    """

    start: int
    end: int
    offset: int
    gap_from: int | None
    repeats_until: int


def _seconds(instant: datetime) -> int:
    since = instant - EPOCH
    return since.days * 86_400 + since.seconds  # the floor, in half the time of a division


@lru_cache(maxsize=4096)
def _pieces_of_year(zone: str, year: int) -> tuple[_Piece, ...]:
    """The pieces of a year of UTC. Its edges are no changes, but a fold may reach over the first."""
    loaded = load_zone(zone)
    assert loaded is not None, f"zone {zone} was checked"
    begin = datetime(year, 1, 1, tzinfo=UTC)
    end = _seconds(datetime(year + 1, 1, 1, tzinfo=UTC))
    changes = changes_of_year(zone, year)
    pieces = []
    if not changes or changes[0].at > begin:
        offset = begin.astimezone(loaded).utcoffset()
        assert offset is not None, "a zone has an offset at every instant"
        is_near_change = (begin - LONGEST_SHIFT).astimezone(loaded).utcoffset() != offset
        start = _seconds(begin)
        repeats_until = _repeats_until(changes_of_year(zone, year - 1)[-1]) if is_near_change else start
        first_end = _seconds(changes[0].at) if changes else end
        pieces.append(_Piece(start, first_end, offset // _SECOND, None, repeats_until))
    ends = [*(_seconds(change.at) for change in changes[1:]), end]
    for change, piece_end in zip(changes, ends, strict=False):
        pieces.append(_piece_after(change, piece_end))
    return tuple(pieces)


def _piece_after(change: ClockChange, end: int) -> _Piece:
    start = _seconds(change.at)
    is_moved = change.is_gap and change.size < LONGEST_SHIFT
    gap_from = start + change.offset_before // _SECOND if is_moved else None
    return _Piece(start, end, change.offset_after // _SECOND, gap_from, _repeats_until(change))


def _repeats_until(change: ClockChange) -> int:
    """The end of the second pass after a clock was set back; the change itself when nothing is held back."""
    is_repeated = not change.is_gap and change.size < LONGEST_SHIFT
    return _seconds(change.at + change.size if is_repeated else change.at)


def _cron_batches(entry: CronEntry, after: datetime, until: datetime) -> Iterator[Iterable[datetime]]:
    """Increasing instants in lazy batches, at most a day each."""
    expression = _expression(entry)
    low, high = _seconds(after) + 1, _seconds(until) + 1
    for year in range(after.year, until.year + 1):
        for piece in _pieces_of_year(entry.timezone, year):
            if piece.end > low and piece.start < high:
                yield from _piece_batches(expression, piece, max(low, piece.start), min(high, piece.end))


def _expression(entry: CronEntry) -> CronExpression:
    parsed = parse_cron(entry.cron, days=entry.days)
    assert isinstance(parsed, CronExpression), f"cron expression {entry.cron} was checked"
    return parsed


def _piece_batches(
    expression: CronExpression, piece: _Piece, low: int, high: int
) -> Iterator[Iterable[datetime]]:
    """The instants of a piece in [low, high), seconds since the epoch."""
    if expression.is_fixed:
        moved = _moved_instant(piece)
        if moved is not None and low <= moved < high and _minutes_in_gap(expression, piece):
            yield (EPOCH + timedelta(seconds=moved),)
            low = moved + 1
        low = max(low, piece.repeats_until)
    offset = piece.offset
    first, last = -((low + offset) // -60), -((high + offset) // -60) - 1  # local minutes since the epoch
    first_day, first_minute = divmod(first, _MINUTES_A_DAY)
    last_day, last_minute = divmod(last, _MINUTES_A_DAY)
    minutes, distances = _minutes_of_day(expression.minute, expression.hour)
    if first_minute > minutes[-1]:
        first_day, first_minute = first_day + 1, 0
    for day in _days(expression, first_day, last_day):
        midnight = EPOCH + timedelta(day, -offset)
        if first_day < day < last_day:
            yield map(midnight.__add__, distances)
        else:
            begin = bisect_left(minutes, first_minute) if day == first_day else 0
            end = bisect_right(minutes, last_minute) if day == last_day else len(minutes)
            yield map(midnight.__add__, distances[begin:end])


def _moved_instant(piece: _Piece) -> int | None:
    """The first whole local minute after the gap that ends where the piece starts."""
    if piece.gap_from is None:
        return None
    return -((piece.start + piece.offset) // -60) * 60 - piece.offset


def _minutes_in_gap(expression: CronExpression, piece: _Piece) -> list[int]:
    """The nominal local minutes (since the epoch) in the gap before a piece that the expression matches."""
    return [] if piece.gap_from is None else _minutes(expression, piece.gap_from, piece.start + piece.offset)


def _minutes(expression: CronExpression, start: int, end: int) -> list[int]:
    """The matching minutes (since the epoch) that begin in [start, end), seconds of an unchanged calendar."""
    first, last = -(start // -60), -(end // -60) - 1
    minutes, _ = _minutes_of_day(expression.minute, expression.hour)
    return [
        day * _MINUTES_A_DAY + minute
        for day in _days(expression, first // _MINUTES_A_DAY, last // _MINUTES_A_DAY)
        for minute in minutes
        if first <= day * _MINUTES_A_DAY + minute <= last
    ]


@lru_cache(maxsize=4096)
def _minutes_of_day(minute: int, hour: int) -> tuple[tuple[int, ...], tuple[timedelta, ...]]:
    """The minutes of a day that match, counted from midnight, and the same as distances."""
    minutes = tuple(60 * h + m for h in range(24) if hour >> h & 1 for m in range(60) if minute >> m & 1)
    distances = _distances()
    return minutes, tuple(distances[m] for m in minutes)


@lru_cache(maxsize=1)
def _distances() -> tuple[timedelta, ...]:
    return tuple(timedelta(minutes=m) for m in range(_MINUTES_A_DAY))


def _days(expression: CronExpression, first: int, last: int) -> Iterator[int]:
    """The matching days of the local calendar in [first, last], counted from the epoch."""
    begin = date.fromordinal(first + _EPOCH_DAY)
    year, month = begin.year, begin.month
    before = first - begin.day  # the day before the month's first
    weekday = (first - begin.day + _EPOCH_DAY + 1) % 7  # of the month's first; Sunday is 0
    while before < last:
        length = _MONTH_DAYS[month - 1] + (month == 2 and _is_leap(year))
        if expression.month >> month & 1:
            matching = expression.days(length, weekday)
            if before + 1 < first:
                matching &= -1 << first - before
            if before + length > last:
                matching &= (2 << last - before) - 1
            while matching:
                lowest = matching & -matching
                yield before + lowest.bit_length() - 1
                matching ^= lowest
        before += length
        weekday = (weekday + length) % 7
        year, month = (year, month + 1) if month < 12 else (year + 1, 1)


def _is_leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


# --- what a change of the clock does to an entry


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockEffect:
    """A local date on which times that a fixed entry names are left out (gap) or come twice (fold)."""

    date: date
    is_gap: bool
    times: str

    @property
    def note(self) -> str:
        """The effect in one line."""
        says = "do not exist" if self.is_gap else "exist twice"
        if " " not in self.times:
            says = "does not exist" if self.is_gap else "exists twice"
        return f"{self.times} {says} on {self.date.isoformat()}"


def clock_effects(
    entry: ScheduleEntry, *, after: datetime | None = None, days: int = 366
) -> tuple[ClockEffect, ...]:
    """The effects in the days after an instant, by default the year after the one of the zone rules.

    Wildcard entries and `every` have none: they name no time that could be missing.
    """
    if not isinstance(entry, CronEntry) or not _expression(entry).is_fixed:
        return ()
    begin = after or datetime(int(TZDATA_VERSION[:4]) + 1, 1, 1, tzinfo=UTC)
    effects = []
    for change in clock_changes(entry.timezone, after=begin, days=days):
        start = _seconds(change.local_from.replace(tzinfo=UTC))
        minutes = _minutes(_expression(entry), start, start + change.size // _SECOND)
        if minutes and change.size < LONGEST_SHIFT:
            day = date.fromordinal(minutes[0] // _MINUTES_A_DAY + _EPOCH_DAY)
            effects.append(ClockEffect(date=day, is_gap=change.is_gap, times=_times(minutes)))
    return tuple(effects)


def gap_dates(entry: ScheduleEntry, *, after: datetime | None = None, days: int = 366) -> tuple[str, ...]:
    """The days on which a time that the entry names does not exist, each as a note."""
    return tuple(one.note for one in clock_effects(entry, after=after, days=days) if one.is_gap)


def fold_dates(entry: ScheduleEntry, *, after: datetime | None = None, days: int = 366) -> tuple[str, ...]:
    """The days on which a time that the entry names exists twice, each as a note."""
    return tuple(one.note for one in clock_effects(entry, after=after, days=days) if not one.is_gap)


def explain_fire(entry: ScheduleEntry, at: datetime) -> str:
    """What a change of the clock has to do with the fire of an entry at an instant; "" when nothing."""
    if not isinstance(entry, CronEntry):
        return ""
    expression = _expression(entry)
    second = _seconds(at)
    for piece in _pieces_of_year(entry.timezone, _within_calendar(at).year):
        if piece.start <= second < piece.end:
            if expression.is_fixed and second == _moved_instant(piece):
                return _moved_note(_minutes_in_gap(expression, piece))
            if second < piece.repeats_until:
                return f"{_clock((second + piece.offset) // 60)} exists twice: this is the second"
    return _first_pass_note(entry.timezone, at, is_fixed=expression.is_fixed)


def _moved_note(minutes: list[int]) -> str:
    if len(minutes) < 2:
        return f"{_times(minutes)} does not exist: first instant after the gap" if minutes else ""
    return f"{_times(minutes)} do not exist: one run, first instant after the gap"


def _first_pass_note(zone: str, at: datetime, *, is_fixed: bool) -> str:
    for change in clock_changes(zone, after=at, days=1):
        if not change.is_gap and change.at - change.size <= at and change.size < LONGEST_SHIFT:
            local = _clock(_seconds(at + change.offset_before) // 60)
            return f"{local} exists twice: {'the first is used' if is_fixed else 'this is the first'}"
    return ""


def _times(minutes: list[int]) -> str:
    """Minutes as times of day, the first and the last when they are many."""
    if len(minutes) == 1:
        return _clock(minutes[0])
    return f"{_clock(minutes[0])} {'and' if len(minutes) == 2 else 'to'} {_clock(minutes[-1])}"


def _clock(minute: int) -> str:
    hour, minute = divmod(minute % _MINUTES_A_DAY, 60)
    return f"{hour:02}:{minute:02}"
