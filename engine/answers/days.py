"""Local days: the days of a window, and the period of equal length before one."""

from bisect import bisect_right
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Final

from jobfile.model.namedtuple import NamedTuple

DAY: Final = timedelta(days=1)


class DayRange(NamedTuple):
    """Consecutive days of one length; `first` is the index of the first.

    The window may cut the first and the last day.
    """

    first: int
    since: datetime
    until: datetime
    midnight: datetime
    length: timedelta


class LocalDays:
    """The local days of a window [since, until)."""

    def __init__(self, since: datetime, until: datetime, zone: tzinfo) -> None:
        """Find the instants at which the days begin."""
        self._since, self._until = since, until
        first = since.astimezone(zone).date()
        while midnight_of(first, zone) > since:  # clocks may be set back over midnight
            first -= DAY
        self.dates = [first]
        self._midnights = [midnight_of(first, zone)]
        while (midnight := midnight_of(self.dates[-1] + DAY, zone)) < until:
            self.dates.append(self.dates[-1] + DAY)
            self._midnights.append(midnight)
        self._midnights.append(midnight)

    def day_of(self, at: datetime) -> date:
        """The day of an instant of the window."""
        return self.dates[min(bisect_right(self._midnights, at), len(self.dates)) - 1]

    def ranges(self) -> Iterator[DayRange]:
        """The days as ranges of equally long days: a new range begins where clocks change."""
        begin = 0
        for index in range(1, len(self.dates) + 1):
            length = self._length(begin)
            if index == len(self.dates) or self._length(index) != length:
                midnight, end = self._midnights[begin], self._midnights[index]
                yield DayRange(begin, max(midnight, self._since), min(end, self._until), midnight, length)
                begin = index

    def _length(self, index: int) -> timedelta:
        return self._midnights[index + 1] - self._midnights[index]


def midnight_of(day: date, zone: tzinfo) -> datetime:
    """The instant at which a local day begins."""
    return datetime.combine(day, time(), tzinfo=zone).astimezone(UTC)


def period_before(
    since: datetime, until: datetime, zone: tzinfo, *, now: datetime
) -> tuple[datetime, datetime]:
    """The period of equal length right before a window.

    Before whole months come as many months, before whole days as many days, before any other window the same
    length of time. If the window is not over, only the part of it that has passed is compared.
    """
    passed = max(min(until, now), since) - since
    first, after = since.astimezone(zone).date(), until.astimezone(zone).date()
    if since != midnight_of(first, zone) or until != midnight_of(after, zone):
        return since - passed, since
    begin = midnight_of(first - (after - first), zone)
    if first.day == after.day == 1:
        months = 2 * (first.year * 12 + first.month - 1) - (after.year * 12 + after.month - 1)
        begin = midnight_of(date(months // 12, months % 12 + 1, 1), zone)
    return begin, since if until <= now else min(begin + passed, since)
