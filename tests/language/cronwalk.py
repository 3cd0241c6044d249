"""A second implementation of cron: reads the dialect in the simplest way, and walks over UTC minute by
minute.

It was written from the rules, not from `jobfile`'s code, and shares only the zones of the package `tzdata`.
It reads only valid expressions.
"""

from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import lru_cache
from importlib.resources import files
from zoneinfo import ZoneInfo

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
ALIASES = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
DAY = 86_400
NOT_SPECIAL = 3 * 3600
"""After a clock change of this many seconds or more, skipped times do not run: cron(8) of Debian."""
EPOCH_DAY = date(1970, 1, 1).toordinal()
LAST_DAY = date(9990, 1, 1).toordinal()


# --- the dialect


@dataclass(frozen=True)
class Plain:
    """An expression: the minutes of a day that it names, and the texts of its day fields."""

    minutes: frozenset[int]
    is_fixed: bool
    day: str
    month: frozenset[int]
    week: str
    days: str

    def is_day(self, day: date) -> bool:
        """Whether the expression names a local date."""
        if day.month not in self.month:
            return False
        by_day = any(fits_month(item, day) for item in self.day.split(","))
        by_week = any(fits_week(item, day) for item in self.week.split(","))
        if self.days == "cron":
            is_either = self.day[0] not in "*?" and self.week[0] not in "*?"
        else:
            is_either = self.days == "either" and self.day not in "*?" and self.week not in "*?"
        return by_day or by_week if is_either else by_day and by_week


def read(text: str, days: str = "cron") -> Plain:
    """Read a valid expression."""
    minute, hour, day, month, week = ALIASES.get(text.strip(), text).lower().split()
    return Plain(
        minutes=frozenset(60 * h + m for h in values(hour, 0, 23) for m in values(minute, 0, 59)),
        is_fixed=minute[0] != "*" and hour[0] != "*",
        day=day,
        month=values(month, 1, 12, MONTHS),
        week=week,
        days=days,
    )


def values(field: str, low: int, last: int, names: tuple[str, ...] = ()) -> frozenset[int]:
    """The numbers of a field without special days; of a day of week up to 7."""
    return frozenset(value for item in field.split(",") for value in item_values(item, low, last, names))


def item_values(item: str, low: int, last: int, names: tuple[str, ...]) -> range:
    head, _, step = item.partition("/")
    first, _, second = head.partition("-")
    if head in ("*", "?"):
        return range(low, last + 1, int(step or 1))
    begin = number(first, low, names)
    if not second:
        return range(begin, (last if step else begin) + 1, int(step or 1))
    end = number(second, low, names)
    if names == WEEKDAYS and end == 0 and begin > 0:  # fri-sun, 5-0
        end = 7
    return range(begin, end + 1, int(step or 1))


def number(word: str, low: int, names: tuple[str, ...]) -> int:
    return low + names.index(word) if word in names else int(word)


def fits_month(item: str, day: date) -> bool:
    """Whether one item of the day-of-month field names a date."""
    length = monthrange(day.year, day.month)[1]
    working = [n for n in range(1, length + 1) if day.replace(day=n).weekday() < 5]
    if item == "l":
        return day.day == length
    if item == "lw":
        return day.day == working[-1]
    if item.endswith("w"):
        wanted = int(item[:-1])
        return wanted <= length and day.day == min(working, key=lambda n: abs(n - wanted))
    return day.day in item_values(item, 1, 31, ())


def fits_week(item: str, day: date) -> bool:
    """Whether one item of the day-of-week field names a date."""
    weekday = day.isoweekday() % 7
    if "#" in item:
        name, nth = item.split("#")
        return weekday == number(name, 0, WEEKDAYS) % 7 and (day.day + 6) // 7 == int(nth)
    if item.endswith("l"):
        is_last = day.day > monthrange(day.year, day.month)[1] - 7
        return is_last and weekday == number(item[:-1], 0, WEEKDAYS) % 7
    return weekday in {value % 7 for value in item_values(item, 0, 6, WEEKDAYS)}


# --- the clock


@lru_cache(maxsize=1024)
def zone_of(name: str) -> ZoneInfo:
    """A zone from the package `tzdata`."""
    with files("tzdata").joinpath("zoneinfo", *name.split("/")).open("rb") as file:
        return ZoneInfo.from_file(file, key=name)


@dataclass(frozen=True)
class ClockDay:
    """What a zone's clock shows on a day of UTC, minute after minute; all in seconds or minutes of the epoch.

    `shown` has each instant at which a local minute begins, and that minute. `again` are the instants that
    show a minute for the second time within three hours; `left_out` has the minutes that the clock jumped
    over just before an instant.
    """

    shown: tuple[tuple[int, int], ...]
    again: frozenset[int]
    left_out: dict[int, tuple[int, ...]]


@lru_cache(maxsize=64)
def clock_day(zone: str, day: int) -> ClockDay:
    """The day of UTC at this number of days after the epoch."""
    clock = zone_of(zone)
    begin, end = day * DAY - NOT_SPECIAL, (day + 1) * DAY
    known = {at: offset_at(clock, at) for at in range(begin, end, 60)}
    offsets = {one % 60 for one in known.values()}
    instants = sorted({at - one for one in offsets for at in range(begin, end + 60, 60)})
    shown: list[tuple[int, int]] = []
    again: set[int] = set()
    left_out: dict[int, tuple[int, ...]] = {}
    earlier: dict[int, int] = {}
    jumped: list[int] = []
    before = offset_at(clock, instants[0])
    local_before = instants[0] + before
    for at in instants:
        offset = known[at] if at in known else offset_at(clock, at)
        if 0 < offset - before < NOT_SPECIAL:
            jumped += range(local_before // 60 + 1, -(-(at + offset) // 60))
        before, local_before = offset, at + offset
        minute, second = divmod(at + offset, 60)
        if second:
            continue
        if at - earlier.get(minute, at - NOT_SPECIAL) < NOT_SPECIAL:
            again.add(at)
        earlier[minute] = at
        if jumped:
            left_out[at], jumped = tuple(jumped), []
        if day * DAY <= at < end:
            shown.append((at, minute))
    return ClockDay(tuple(shown), frozenset(again), left_out)


def offset_at(clock: ZoneInfo, at: int) -> int:
    offset = datetime.fromtimestamp(at, clock).utcoffset()
    assert offset is not None
    return offset.days * DAY + offset.seconds


# --- the walk


def fires_on_day(plain: Plain, zone: str, day: int) -> list[int]:
    """The instants of a day of UTC at which an expression fires, found by testing every minute."""
    around = range(day - 1, day + 2)
    named = {one for one in around if plain.is_day(date.fromordinal(EPOCH_DAY + one))}
    if not named:
        return []
    clock = clock_day(zone, day)
    times = plain.minutes
    found = {at for at, minute in clock.shown if minute % 1440 in times and minute // 1440 in named}
    if plain.is_fixed:
        found -= clock.again
        for at, minutes in clock.left_out.items():
            if any(one % 1440 in times and one // 1440 in named for one in minutes):
                found.add(at)
    return sorted(at for at in found if at // DAY == day)


def fires_after(plain: Plain, zone: str, after: datetime) -> Iterator[datetime]:
    """The fires after an instant, oldest first."""
    start = after.timestamp()
    for day in range(int(start // DAY), LAST_DAY - EPOCH_DAY):
        for at in fires_on_day(plain, zone, day):
            if at > start:
                yield datetime.fromtimestamp(at, UTC)
