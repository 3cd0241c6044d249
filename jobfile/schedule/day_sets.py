"""Finds the local days that an entry matches, one month at a time, as bits: bit n is day n of the month.

Days are calendar days: time zones and clock changes do not matter here. With bits, a month is a few
operations on integers: `x & -x` is the lowest day of x, `x & (x - 1)` is x without it, and x.bit_length() - 1
is the last day.
"""

from collections.abc import Sequence
from dataclasses import field
from datetime import date
from functools import lru_cache
from typing import Protocol

from jobfile.model.dataclass import dataclass
from jobfile.model.jobs import CalendarSpec, OnClosed
from jobfile.schedule.cron import ALL_WEEKDAYS, FIVE_WEEKS, CronExpression

YEARS = range(1, 10_000)
"""The years that the standard library's calendar supports."""

_MONTH_DAYS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


class Days(Protocol):
    """A set of local days."""

    def in_month(self, year: int, month: int) -> int:
        """The days of the set in a month."""


def month_shape(year: int, month: int) -> tuple[int, int]:
    """The length of a month and the weekday of its first day; Sunday is 0."""
    is_leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    return _MONTH_DAYS[month - 1] + (month == 2 and is_leap), date(year, month, 1).toordinal() % 7


@dataclass(frozen=True, slots=True)
class MatchingDays:
    """The days that a cron expression matches."""

    expression: CronExpression

    def in_month(self, year: int, month: int) -> int:
        """The days of the set in a month."""
        if not self.expression.month >> month & 1:
            return 0
        return self.expression.days(*month_shape(year, month))


@dataclass(frozen=True, slots=True)
class OpenDays:
    """The open days of a calendar: `also` wins over `closed`, which wins over the day of the week."""

    calendar: CalendarSpec
    _weekdays: int = field(init=False)
    _closed: dict[tuple[int, int], int] = field(init=False)
    _also: dict[tuple[int, int], int] = field(init=False)

    def __post_init__(self) -> None:
        weekdays = 0
        for monday_first in self.calendar.weekdays:
            weekdays |= 1 << (monday_first + 1) % 7
        object.__setattr__(self, "_weekdays", weekdays)
        object.__setattr__(self, "_closed", _bits_by_month(self.calendar.closed))
        object.__setattr__(self, "_also", _bits_by_month(self.calendar.also))

    def in_month(self, year: int, month: int) -> int:
        """The days of the set in a month."""
        length, first_weekday = month_shape(year, month)
        week = self._weekdays
        turned = (week >> first_weekday | week << 7 - first_weekday) & ALL_WEEKDAYS
        by_week = turned * FIVE_WEEKS << 1 & (2 << length) - 2
        return by_week & ~self._closed.get((year, month), 0) | self._also.get((year, month), 0)


@lru_cache(maxsize=256)
def open_days(calendar: CalendarSpec) -> OpenDays:
    """The open days of a calendar; its lists are parsed once."""
    return OpenDays(calendar)


def _bits_by_month(days: Sequence[date]) -> dict[tuple[int, int], int]:
    found: dict[tuple[int, int], int] = {}
    for day in days:
        month = (day.year, day.month)
        found[month] = found.get(month, 0) | 1 << day.day
    return found


@dataclass(frozen=True, slots=True)
class NumberedDays:
    """The n-th open day of each month, counted from the end if negative; none in a month with too few."""

    number: int
    open_days: OpenDays

    def in_month(self, year: int, month: int) -> int:
        """The days of the set in a month."""
        days = self.open_days.in_month(year, month)
        index = self.number - 1 if self.number > 0 else days.bit_count() + self.number
        for _ in range(index):
            days &= days - 1
        return days & -days if index >= 0 else 0


@dataclass(frozen=True, slots=True)
class OpenMatchingDays:
    """Matching days that are open; a closed day is dropped, or moved to another day."""

    matching: Days
    open_days: OpenDays
    on_closed: OnClosed

    def in_month(self, year: int, month: int) -> int:
        """The days of the set in a month."""
        is_open = self.open_days.in_month(year, month)
        if self.on_closed is OnClosed.SKIP or not is_open:
            return is_open and is_open & self.matching.in_month(year, month)
        matching = self.matching.in_month(year, month)
        if self.on_closed is OnClosed.NEXT:
            return _moved_on(matching, is_open) | self._from_before(year, month, is_open & -is_open)
        last = 1 << is_open.bit_length() - 1
        return _moved_back(matching, is_open) | self._from_after(year, month, last)

    def _from_before(self, year: int, month: int, first: int) -> int:
        """The first open day, if a closed day of an earlier month is moved to it."""
        while True:  # an expression matches at least one day in any 40 years
            year, month = (year, month - 1) if month > 1 else (year - 1, 12)
            if year not in YEARS:
                return 0
            matching, is_open = self.matching.in_month(year, month), self.open_days.in_month(year, month)
            if matching.bit_length() > is_open.bit_length():
                return first
            if is_open:
                return 0

    def _from_after(self, year: int, month: int, last: int) -> int:
        """The last open day, if a closed day of a later month is moved back to it."""
        while True:
            year, month = (year, month + 1) if month < 12 else (year + 1, 1)
            if year not in YEARS:
                return 0
            matching, is_open = self.matching.in_month(year, month), self.open_days.in_month(year, month)
            if matching and (not is_open or matching & -matching < is_open & -is_open):
                return last
            if is_open:
                return 0


def _moved_on(matching: int, is_open: int) -> int:
    """The open days that are a matching day of the same month, or to which one is moved forward."""
    moved = 0
    while is_open and matching:
        day = is_open & -is_open
        up_to_day = (day << 1) - 1
        if matching & up_to_day:
            moved |= day
        matching &= ~up_to_day
        is_open ^= day
    return moved


def _moved_back(matching: int, is_open: int) -> int:
    """The open days that are a matching day of the same month, or to which one is moved back."""
    moved = 0
    while is_open and matching:
        day = 1 << is_open.bit_length() - 1
        if matching >= day:
            moved |= day
        matching &= day - 1
        is_open ^= day
    return moved
