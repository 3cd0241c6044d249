"""The instants of a cron entry: local time in pieces, each walked along the local calendar.

Between two changes of a clock local time runs evenly, so a piece is walked along the local calendar, and
what a change does to it is decided where the piece begins.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

from jobfile.cron import CronExpression, parse_cron
from jobfile.model import CronEntry
from jobfile.zones import EPOCH, ClockChange, changes_of_year, load_zone

LONGEST_SHIFT = timedelta(hours=3)
"""A clock set by this much has moved to another date or place: nothing is made up for or held back."""

EPOCH_DAY = EPOCH.toordinal()
_SECOND = timedelta(seconds=1)
_MINUTES_A_DAY = 1440
_MONTH_DAYS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of UTC, in seconds since the epoch, [start, end), whose local time has one offset.

    `gap_from` is the local second at which a gap begins that ends where the piece starts;
    `repeats_until` the instant up to which the piece shows local times for the second time.
    """

    start: int
    end: int
    offset: int
    gap_from: int | None
    repeats_until: int


def seconds_of(instant: datetime) -> int:
    """Whole seconds since the epoch."""
    since = instant - EPOCH
    return since.days * 86_400 + since.seconds  # the floor, in half the time of a division


@lru_cache(maxsize=4096)
def pieces_of_year(zone: str, year: int) -> tuple[Piece, ...]:
    """The pieces of a year of UTC. Its edges are no changes, but a fold may reach over the first."""
    loaded = load_zone(zone)
    assert loaded is not None, f"zone {zone} was checked"
    begin = datetime(year, 1, 1, tzinfo=UTC)
    end = seconds_of(datetime(year + 1, 1, 1, tzinfo=UTC))
    changes = changes_of_year(zone, year)
    pieces = []
    if not changes or changes[0].at > begin:
        offset = begin.astimezone(loaded).utcoffset()
        assert offset is not None, "a zone has an offset at every instant"
        is_near_change = (begin - LONGEST_SHIFT).astimezone(loaded).utcoffset() != offset
        start = seconds_of(begin)
        repeats_until = _repeats_until(changes_of_year(zone, year - 1)[-1]) if is_near_change else start
        first_end = seconds_of(changes[0].at) if changes else end
        pieces.append(Piece(start, first_end, offset // _SECOND, None, repeats_until))
    ends = [*(seconds_of(change.at) for change in changes[1:]), end]
    for change, piece_end in zip(changes, ends, strict=False):
        pieces.append(_piece_after(change, piece_end))
    return tuple(pieces)


def _piece_after(change: ClockChange, end: int) -> Piece:
    start = seconds_of(change.at)
    is_moved = change.is_gap and change.size < LONGEST_SHIFT
    gap_from = start + change.offset_before // _SECOND if is_moved else None
    return Piece(start, end, change.offset_after // _SECOND, gap_from, _repeats_until(change))


def _repeats_until(change: ClockChange) -> int:
    """The end of the second pass after a clock was set back; the change itself when nothing is held back."""
    is_repeated = not change.is_gap and change.size < LONGEST_SHIFT
    return seconds_of(change.at + change.size if is_repeated else change.at)


def cron_batches(entry: CronEntry, after: datetime, until: datetime) -> Iterator[Iterable[datetime]]:
    """Increasing instants in lazy batches, at most a day each."""
    expression = expression_of(entry)
    low, high = seconds_of(after) + 1, seconds_of(until) + 1
    for year in range(after.year, until.year + 1):
        for piece in pieces_of_year(entry.timezone, year):
            if piece.end > low and piece.start < high:
                yield from _piece_batches(expression, piece, max(low, piece.start), min(high, piece.end))


def expression_of(entry: CronEntry) -> CronExpression:
    """What the text of a checked entry means."""
    parsed = parse_cron(entry.cron, days=entry.days)
    assert isinstance(parsed, CronExpression), f"cron expression {entry.cron} was checked"
    return parsed


def _piece_batches(
    expression: CronExpression, piece: Piece, low: int, high: int
) -> Iterator[Iterable[datetime]]:
    """The instants of a piece in [low, high), seconds since the epoch."""
    if expression.is_fixed:
        moved = moved_instant(piece)
        if moved is not None and low <= moved < high and minutes_in_gap(expression, piece):
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
    for day in days_between(expression, first_day, last_day):
        midnight = EPOCH + timedelta(day, -offset)
        if first_day < day < last_day:
            yield map(midnight.__add__, distances)
        else:
            begin = bisect_left(minutes, first_minute) if day == first_day else 0
            end = bisect_right(minutes, last_minute) if day == last_day else len(minutes)
            yield map(midnight.__add__, distances[begin:end])


def moved_instant(piece: Piece) -> int | None:
    """The first whole local minute after the gap that ends where the piece starts."""
    if piece.gap_from is None:
        return None
    return -((piece.start + piece.offset) // -60) * 60 - piece.offset


def minutes_in_gap(expression: CronExpression, piece: Piece) -> list[int]:
    """The nominal local minutes (since the epoch) in the gap before a piece that the expression matches."""
    return (
        []
        if piece.gap_from is None
        else minutes_between(expression, piece.gap_from, piece.start + piece.offset)
    )


def minutes_between(expression: CronExpression, start: int, end: int) -> list[int]:
    """The matching minutes (since the epoch) that begin in [start, end), seconds of an unchanged calendar."""
    first, last = -(start // -60), -(end // -60) - 1
    minutes, _ = _minutes_of_day(expression.minute, expression.hour)
    return [
        day * _MINUTES_A_DAY + minute
        for day in days_between(expression, first // _MINUTES_A_DAY, last // _MINUTES_A_DAY)
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


def days_between(expression: CronExpression, first: int, last: int) -> Iterator[int]:
    """The matching days of the local calendar in [first, last], counted from the epoch."""
    begin = date.fromordinal(first + EPOCH_DAY)
    year, month = begin.year, begin.month
    before = first - begin.day  # the day before the month's first
    weekday = (first - begin.day + EPOCH_DAY + 1) % 7  # of the month's first; Sunday is 0
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
