"""Explains the effects of clock changes on an entry: local times that do not exist, or occur twice."""

from datetime import UTC, date, datetime, timedelta

from jobfile.model.dataclass import dataclass
from jobfile.model.jobs import AtEntry, BusinessDayEntry, CronEntry, ScheduleEntry
from jobfile.schedule.local_times import (
    EPOCH_DAY,
    LONGEST_SHIFT,
    local_times,
    minutes_between,
    minutes_in_gap,
    moved_instant,
    pieces_of_year,
    seconds_of,
)
from jobfile.schedule.zones import HORIZON, LEAST_YEAR, TZDATA_VERSION, clock_changes

BEGINNING = datetime(LEAST_YEAR + 1, 1, 1, tzinfo=UTC)
"""The first instant that a search for fires can start from."""

_SECOND = timedelta(seconds=1)
_MINUTES_A_DAY = 1440


def within_calendar(instant: datetime) -> datetime:
    """The instant in UTC, moved into the supported range."""
    if instant.tzinfo is UTC and BEGINNING <= instant <= HORIZON:
        return instant
    return min(max(instant, BEGINNING), HORIZON).astimezone(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockEffect:
    """A local date on which times of a fixed entry do not exist (gap) or occur twice (fold)."""

    date: date
    is_gap: bool
    times: str

    @property
    def note(self) -> str:
        """The effect in one line."""
        says = "do not exist" if self.is_gap else "occur twice"
        if " " not in self.times:
            says = "does not exist" if self.is_gap else "occurs twice"
        return f"{self.times} {says} on {self.date.isoformat()}"


def clock_effects(
    entry: ScheduleEntry, *, after: datetime | None = None, days: int = 366
) -> tuple[ClockEffect, ...]:
    """The effects in the days after an instant; by default, in the year after the release of the zone rules.

    Wildcard entries, `every` and `at` have no effects: they name no local time that could be missing.
    """
    if not isinstance(entry, CronEntry | BusinessDayEntry):
        return ()
    times = local_times(entry)
    if not times.is_fixed:
        return ()
    begin = after or datetime(int(TZDATA_VERSION[:4]) + 1, 1, 1, tzinfo=UTC)
    effects = []
    for change in clock_changes(entry.timezone, after=begin, days=days):
        start = seconds_of(change.local_from.replace(tzinfo=UTC))
        minutes = minutes_between(times, start, start + change.size // _SECOND)
        if minutes and change.size < LONGEST_SHIFT:
            day = date.fromordinal(minutes[0] // _MINUTES_A_DAY + EPOCH_DAY)
            effects.append(ClockEffect(date=day, is_gap=change.is_gap, times=_times(minutes)))
    return tuple(effects)


def gap_dates(entry: ScheduleEntry, *, after: datetime | None = None, days: int = 366) -> tuple[str, ...]:
    """A note for each day on which a time of the entry does not exist."""
    return tuple(one.note for one in clock_effects(entry, after=after, days=days) if one.is_gap)


def fold_dates(entry: ScheduleEntry, *, after: datetime | None = None, days: int = 366) -> tuple[str, ...]:
    """A note for each day on which a time of the entry occurs twice."""
    return tuple(one.note for one in clock_effects(entry, after=after, days=days) if not one.is_gap)


def explain_fire(entry: ScheduleEntry, at: datetime) -> str:
    """How a clock change has affected the fire of an entry at an instant, as a note; "" if it has not."""
    if isinstance(entry, AtEntry):
        return _first_pass_note(entry.timezone, at, is_fixed=False) or _second_pass_note(entry.timezone, at)
    if not isinstance(entry, CronEntry | BusinessDayEntry):
        return ""
    times = local_times(entry)
    second = seconds_of(at)
    for piece in pieces_of_year(entry.timezone, within_calendar(at).year):
        if piece.start <= second < piece.end:
            if times.is_fixed and second == moved_instant(piece):
                return _moved_note(minutes_in_gap(times, piece))
            if second < piece.repeats_until:
                return _second_pass_note(entry.timezone, at)
    return _first_pass_note(entry.timezone, at, is_fixed=times.is_fixed)


def _moved_note(minutes: list[int]) -> str:
    if len(minutes) < 2:
        return f"{_times(minutes)} does not exist: first instant after the gap" if minutes else ""
    return f"{_times(minutes)} do not exist: one run, first instant after the gap"


def _first_pass_note(zone: str, at: datetime, *, is_fixed: bool) -> str:
    for change in clock_changes(zone, after=at, days=1):
        if not change.is_gap and change.at - change.size <= at and change.size < LONGEST_SHIFT:
            local = _clock(seconds_of(at + change.offset_before) // 60)
            return f"{local} occurs twice: {'the first is used' if is_fixed else 'this is the first'}"
    return ""


def _second_pass_note(zone: str, at: datetime) -> str:
    second = seconds_of(at)
    for piece in pieces_of_year(zone, within_calendar(at).year):
        if piece.start <= second < min(piece.end, piece.repeats_until):
            return f"{_clock((second + piece.offset) // 60)} occurs twice: this is the second"
    return ""


def _times(minutes: list[int]) -> str:
    """Minutes as times of day; only the first and the last if there are many."""
    if len(minutes) == 1:
        return _clock(minutes[0])
    return f"{_clock(minutes[0])} {'and' if len(minutes) == 2 else 'to'} {_clock(minutes[-1])}"


def _clock(minute: int) -> str:
    hour, minute = divmod(minute % _MINUTES_A_DAY, 60)
    return f"{hour:02}:{minute:02}"
