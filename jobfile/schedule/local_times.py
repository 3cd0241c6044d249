"""Finds the instants of an entry that names local times, piece by piece along the local calendar.

Between two clock changes local time runs evenly, so within such a piece an instant is a local time minus a
constant offset. The effect of a change is decided at the start of the piece after it.

The rules at a change are those of Debian's cron(8), for changes of less than three hours. A fixed entry,
which names its minutes and hours, is tied to the local day: times that are skipped run once, right after the
change, and times that come again do not run again. A wildcard entry follows the clock: it runs each time the
clock shows its time. After a larger change the new time is used at once.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

from jobfile.model.dataclass import dataclass
from jobfile.model.jobs import BusinessDayEntry, CalendarSpec, CronEntry, DayRule, OnClosed
from jobfile.schedule.cron import CronExpression, parse_cron
from jobfile.schedule.day_sets import (
    Days,
    MatchingDays,
    NumberedDays,
    OpenMatchingDays,
    month_shape,
    open_days,
)
from jobfile.schedule.zones import EPOCH, ClockChange, changes_of_year, load_zone

LONGEST_SHIFT = timedelta(hours=3)
"""A clock change of this size or more is a correction, for cron(8): no time counts as skipped or repeated.

An example is Samoa, which left out 30 December 2011 to change to the other side of the date line.
"""

LAST_SINGULAR_YEAR = 2100
"""After this year every zone follows a yearly rule: the package `tzdata` lists no individual changes then."""

CYCLE_YEARS = 400
"""The Gregorian calendar repeats after 400 years, weekdays included:
an entry that does not fire in them never fires.
"""

EPOCH_DAY = EPOCH.toordinal()
_SECOND = timedelta(seconds=1)
_MINUTES_A_DAY = 1440


@dataclass(frozen=True, slots=True)
class Piece:
    """A range of UTC, [start, end) in seconds since the epoch, in which the offset (in seconds) is constant.

    `gap_from` is the first local second of the gap that ends at the start of the piece, or None.
    `repeats_until` is the instant until which the piece repeats local times of the piece before.
    """

    start: int
    end: int
    offset: int
    gap_from: int | None
    repeats_until: int


def seconds_of(instant: datetime) -> int:
    """Whole seconds since the epoch."""
    since = instant - EPOCH
    return since.days * 86_400 + since.seconds  # rounds down, in half the time of a division


@lru_cache(maxsize=4096)
def pieces_of_year(zone: str, year: int) -> tuple[Piece, ...]:
    """The pieces of a year of UTC. The edges of the year are not changes,
    but a fold may have begun before its start.
    """
    loaded = load_zone(zone)
    assert loaded is not None, f"zone {zone} was checked"
    begin = datetime(year, 1, 1, tzinfo=UTC)
    end = seconds_of(datetime(year + 1, 1, 1, tzinfo=UTC))
    changes = changes_of_year(zone, year)
    pieces = []
    if not changes or changes[0].at > begin:
        offset = begin.astimezone(loaded).utcoffset()
        assert offset is not None, "a zone has an offset at every instant"
        # A clock set back shortly before midnight UTC repeats times of the year before.
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
    """The end of the repeated time after a clock was set back; the change itself if nothing is repeated."""
    is_repeated = not change.is_gap and change.size < LONGEST_SHIFT
    return seconds_of(change.at + change.size if is_repeated else change.at)


@dataclass(frozen=True, slots=True)
class LocalTimes:
    """The local times of an entry: minutes and hours as bit sets, on days in [first_day, last_day].

    Days are counted from the epoch. `last_listed_year` is the last year with dates in the lists of the
    entry's calendar; after it, the days repeat with the Gregorian calendar.
    """

    minute: int
    hour: int
    is_fixed: bool
    days: Days
    first_day: int = 0
    last_day: int = 0
    last_listed_year: int = 0


def local_times(entry: CronEntry | BusinessDayEntry) -> LocalTimes:
    """The local times of a checked entry. `days`, `from` and `until` are about nominal local days."""
    window = (entry.from_day, entry.until_day)
    if isinstance(entry, CronEntry):
        return _cron_times(entry.cron, entry.days, entry.calendar, entry.on_closed, window)
    hour, minute = (1 << int(part) for part in entry.time.split(":"))
    days = NumberedDays(entry.business_day, open_days(entry.calendar))
    return _within(window, entry.calendar, LocalTimes(minute=minute, hour=hour, is_fixed=True, days=days))


@lru_cache(maxsize=4096)
def _cron_times(
    text: str,
    rule: DayRule,
    calendar: CalendarSpec | None,
    on_closed: OnClosed,
    window: tuple[date | None, date | None],
) -> LocalTimes:
    parsed = parse_cron(text, days=rule)
    assert isinstance(parsed, CronExpression), f"cron expression {text} was checked"
    days: Days = MatchingDays(parsed)
    if calendar is not None:
        days = OpenMatchingDays(days, open_days(calendar), on_closed)
    times = LocalTimes(minute=parsed.minute, hour=parsed.hour, is_fixed=parsed.is_fixed, days=days)
    return _within(window, calendar, times)


def _within(
    window: tuple[date | None, date | None], calendar: CalendarSpec | None, times: LocalTimes
) -> LocalTimes:
    first, last = window
    listed = () if calendar is None else (*calendar.closed, *calendar.also)
    return replace(
        times,
        first_day=(first or date.min).toordinal() - EPOCH_DAY,
        last_day=(last or date.max).toordinal() - EPOCH_DAY,
        last_listed_year=max((day.year for day in listed), default=0),
    )


def local_batches(
    times: LocalTimes, zone: str, after: datetime, until: datetime
) -> Iterator[Iterable[datetime]]:
    """The instants of local times in (after, until], increasing, in lazy batches of at most a day each."""
    low, high = seconds_of(after) + 1, seconds_of(until) + 1
    last_fire = max(after.year, times.last_listed_year, LAST_SINGULAR_YEAR)
    for year in range(after.year, until.year + 1):
        if year > after.year and not _has_days(times, year):
            pieces: tuple[Piece, ...] = ()  # finding the changes of a year is slow
        else:
            pieces = pieces_of_year(zone, year)
        for piece in pieces:
            if piece.end > low and piece.start < high:
                for batch in _piece_batches(times, piece, max(low, piece.start), min(high, piece.end)):
                    last_fire = max(last_fire, year)
                    yield batch
        # From `last_fire` on, both the days and the clock changes repeat: nothing will fire any more.
        if year - last_fire > CYCLE_YEARS:
            return


def _has_days(times: LocalTimes, year: int) -> bool:
    """Whether a year has a matching day.

    One day more at each end: a local date may differ from the UTC date.
    """
    first_day = date(year, 1, 1).toordinal() - EPOCH_DAY
    return next(_days_inside(times, first_day - 1, first_day + 366), None) is not None


def _days_inside(times: LocalTimes, first: int, last: int) -> Iterator[int]:
    return days_between(times.days, max(first, times.first_day), min(last, times.last_day))


def _piece_batches(times: LocalTimes, piece: Piece, low: int, high: int) -> Iterator[Iterable[datetime]]:
    """The instants of a piece in [low, high), seconds since the epoch; no batch is empty."""
    if times.is_fixed:
        # Skipped times run once, after the gap, however many there are; repeated times do not run again.
        moved = moved_instant(piece)
        if moved is not None and low <= moved < high and minutes_in_gap(times, piece):
            yield (EPOCH + timedelta(seconds=moved),)
            low = moved + 1
        low = max(low, piece.repeats_until)
    offset = piece.offset
    # -(x // -60) rounds up: the first and the last local minute, since the epoch, that begin in [low, high).
    first, last = -((low + offset) // -60), -((high + offset) // -60) - 1
    first_day, first_minute = divmod(first, _MINUTES_A_DAY)
    last_day, last_minute = divmod(last, _MINUTES_A_DAY)
    minutes, distances = _minutes_of_day(times.minute, times.hour)
    if first_minute > minutes[-1]:
        first_day, first_minute = first_day + 1, 0
    for day in _days_inside(times, first_day, last_day):
        midnight = EPOCH + timedelta(day, -offset)
        if first_day < day < last_day:
            yield map(midnight.__add__, distances)
        else:
            begin = bisect_left(minutes, first_minute) if day == first_day else 0
            end = bisect_right(minutes, last_minute) if day == last_day else len(minutes)
            if begin < end:
                yield map(midnight.__add__, distances[begin:end])


def moved_instant(piece: Piece) -> int | None:
    """The instant, in seconds, of the first whole local minute after the
    gap that ends at the start of a piece.
    """
    if piece.gap_from is None:
        return None
    return -((piece.start + piece.offset) // -60) * 60 - piece.offset


def minutes_in_gap(times: LocalTimes, piece: Piece) -> list[int]:
    """The matching local minutes (since the epoch) in the gap before a piece."""
    return (
        [] if piece.gap_from is None else minutes_between(times, piece.gap_from, piece.start + piece.offset)
    )


def minutes_between(times: LocalTimes, start: int, end: int) -> list[int]:
    """The matching minutes (since the epoch) that begin in [start, end), in local seconds."""
    first, last = -(start // -60), -(end // -60) - 1
    minutes, _ = _minutes_of_day(times.minute, times.hour)
    return [
        day * _MINUTES_A_DAY + minute
        for day in _days_inside(times, first // _MINUTES_A_DAY, last // _MINUTES_A_DAY)
        for minute in minutes
        if first <= day * _MINUTES_A_DAY + minute <= last
    ]


@lru_cache(maxsize=4096)
def _minutes_of_day(minute: int, hour: int) -> tuple[tuple[int, ...], tuple[timedelta, ...]]:
    """The matching minutes of a day, counted from midnight, and the same as durations."""
    minutes = tuple(60 * h + m for h in range(24) if hour >> h & 1 for m in range(60) if minute >> m & 1)
    distances = _distances()
    return minutes, tuple(distances[m] for m in minutes)


@lru_cache(maxsize=1)
def _distances() -> tuple[timedelta, ...]:
    return tuple(timedelta(minutes=m) for m in range(_MINUTES_A_DAY))


def days_between(days: Days, first: int, last: int) -> Iterator[int]:
    """The days of a set in [first, last], counted from the epoch."""
    if first > last:
        return
    begin = date.fromordinal(first + EPOCH_DAY)
    year, month = begin.year, begin.month
    before = first - begin.day  # the day before the month's first
    while before < last:
        matching = days.in_month(year, month)
        length, _ = month_shape(year, month)
        if before + 1 < first:
            matching &= -1 << first - before
        if before + length > last:
            matching &= (2 << last - before) - 1
        while matching:  # from the lowest bit to the highest
            lowest = matching & -matching
            yield before + lowest.bit_length() - 1
            matching ^= lowest
        before += length
        year, month = (year, month + 1) if month < 12 else (year + 1, 1)
