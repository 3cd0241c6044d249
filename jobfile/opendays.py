"""Open days: which local days of a calendar are open, and the instants that depend on them."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import chain

from jobfile.crontime import LONGEST_SHIFT, cron_batches
from jobfile.model import BusinessDayEntry, CalendarSpec, CronEntry, OnClosed
from jobfile.zones import clock_changes, load_zone

LONGEST_CLOSURE = 366
"""Days that a fire may be moved over; a calendar that is closed for longer swallows it."""

_DAY = timedelta(days=1)


def is_open(calendar: CalendarSpec, day: date) -> bool:
    """Whether a day is open: `also` wins over `except`, which wins over the day of the week."""
    also, closed, weekdays = _sets(calendar)
    return day in also or (day.weekday() in weekdays and day not in closed)


@lru_cache(maxsize=256)
def _sets(calendar: CalendarSpec) -> tuple[frozenset[date], frozenset[date], frozenset[int]]:
    return frozenset(calendar.also), frozenset(calendar.closed), frozenset(calendar.weekdays)


def open_days_of_month(calendar: CalendarSpec, year: int, month: int) -> list[date]:
    """The open days of a month in their order."""
    first = date(year, month, 1)
    days = (first + _DAY * number for number in range(31))
    return [day for day in days if day.month == month and is_open(calendar, day)]


def local_instant(day: date, at: time, zone: str) -> datetime | None:
    """The instant of a local time on a day: the first of two; in a gap, the end of it.

    None on a day that a zone leaves out as a whole.
    """
    named = datetime.combine(day, at)
    loaded = load_zone(zone)
    found = named.replace(tzinfo=loaded).astimezone(UTC)
    if found.astimezone(loaded).replace(tzinfo=None) == named:
        return found
    changes = clock_changes(zone, after=found - _DAY, days=2)
    gap = next((one for one in changes if one.is_gap and one.local_from <= named < one.local_to), None)
    return None if gap is None or gap.size >= LONGEST_SHIFT else gap.at


def business_day_instants(entry: BusinessDayEntry, after: datetime, until: datetime) -> Iterator[datetime]:
    """The instants of the n-th open day of each month in (after, until]."""
    zone = load_zone(entry.timezone)
    begin, end = after.astimezone(zone), until.astimezone(zone)
    at = time.fromisoformat(entry.time)
    year, month = begin.year, begin.month
    while (year, month) <= (end.year, end.month):
        days = open_days_of_month(entry.calendar, year, month)
        index = entry.business_day - 1 if entry.business_day > 0 else entry.business_day
        if -len(days) <= index < len(days):
            found = local_instant(days[index], at, entry.timezone)
            if found is not None and after < found <= until:
                yield found
        year, month = (year, month + 1) if month < 12 else (year + 1, 1)


def moved_instants(
    entry: CronEntry, calendar: CalendarSpec, after: datetime, until: datetime
) -> Iterator[datetime]:
    """A cron entry whose fires on closed days go to the next or the previous open day, at the same time."""
    zone = load_zone(entry.timezone)
    day, last = after.astimezone(zone).date(), until.astimezone(zone).date()
    while day <= last:
        if is_open(calendar, day):
            first_source, last_source = _sources(calendar, day, entry.on_closed)
            begin = datetime.combine(first_source, time(), tzinfo=zone).astimezone(UTC)
            end = datetime.combine(last_source + _DAY, time(), tzinfo=zone).astimezone(UTC)
            batches = cron_batches(entry, begin - timedelta.resolution, end - timedelta.resolution)
            times = {at.astimezone(zone).time() for at in chain.from_iterable(batches)}
            found = (local_instant(day, at, entry.timezone) for at in times)
            yield from sorted({at for at in found if at is not None and after < at <= until})
        day += _DAY


def _sources(calendar: CalendarSpec, day: date, rule: OnClosed) -> tuple[date, date]:
    """The days whose fires belong to an open day: itself, and the closed days that lean on it."""
    step = -_DAY if rule is OnClosed.NEXT else _DAY
    edge = day
    for _ in range(LONGEST_CLOSURE):
        if is_open(calendar, edge + step):
            break
        edge += step
    return (edge, day) if rule is OnClosed.NEXT else (day, edge)
