"""Describes a schedule entry in words, so that the author can check its meaning."""

from collections.abc import Callable, Sequence
from datetime import date, timedelta

from jobfile.model.jobs import (
    AtEntry,
    BusinessDayEntry,
    CalendarSpec,
    CronEntry,
    EveryEntry,
    OnClosed,
    ScheduleEntry,
)
from jobfile.schedule.cron import CronExpression, SpecialDay, parse_cron
from jobfile.schedule.occurrences import load_zone

_UNITS = {"day": 86_400, "hour": 3_600, "minute": 60, "second": 1}
_WEEKDAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
_NTH = ("first", "second", "third", "fourth", "fifth")
_MONDAY_TO_FRIDAY = [1, 2, 3, 4, 5]
_MOST_TIMES = 6
"""Maximum times of day listed; more are shown as minutes past hours."""


def describe(entry: ScheduleEntry, *, has_clocks: bool = True) -> str:
    """The meaning of an entry in one line: times, days, time zone and what a change of the clocks does."""
    return ", ".join([_when(entry, has_clocks=has_clocks), *_limits(entry)])


def _when(entry: ScheduleEntry, *, has_clocks: bool) -> str:
    if isinstance(entry, EveryEntry):
        return f"every {_period(entry.every)}"
    if isinstance(entry, AtEntry):
        return _moments(entry)
    if isinstance(entry, BusinessDayEntry):
        which = f"{_open_day(entry.business_day)} of each month ({_calendar(entry.calendar)})"
        clock = _clock_class(entry.timezone, is_fixed=True, is_once=True) if has_clocks else entry.timezone
        return f"at {entry.time} on the {which}, {clock}"
    expression = parse_cron(entry.cron, days=entry.days)
    assert isinstance(expression, CronExpression), f"cron expression {entry.cron} was checked"
    days, months = _days(expression), _months(expression)
    when = [_time(expression, is_every_day=not days and not months), days, months]
    clock = _cron_clock(entry.timezone, expression) if has_clocks else entry.timezone
    return f"{' '.join(part for part in when if part)}, {clock}"


def _moments(entry: AtEntry) -> str:
    zone = load_zone(entry.timezone)
    local = [at.astimezone(zone) for at in entry.at]
    moments = [f"{at:%Y-%m-%d %H:%M:%S}" if at.second else f"{at:%Y-%m-%d %H:%M}" for at in local]
    if len(moments) == 1:
        return f"once, at {moments[0]}, {entry.timezone}"
    shown = moments[:_MOST_TIMES]
    if len(moments) > len(shown):
        shown.append(f"{len(moments) - len(shown)} more")
    return f"at {_listed(shown)}, once each, {entry.timezone}"


def _open_day(number: int) -> str:
    if number == -1:
        return "last open day"
    return f"{_ordinal(abs(number))} open day{'' if number > 0 else ' from the end'}"


def _calendar(calendar: CalendarSpec) -> str:
    return f"calendar {calendar.name}"


_ON_CLOSED = {
    OnClosed.SKIP: "only on open days",
    OnClosed.NEXT: "on the next open day if that day is closed",
    OnClosed.PREVIOUS: "on the previous open day if that day is closed",
}


def _limits(entry: ScheduleEntry) -> list[str]:
    """The other parts of an entry: a calendar, a first and a last day, a spread."""
    parts = []
    if isinstance(entry, CronEntry) and entry.calendar is not None:
        parts.append(f"{_ON_CLOSED[entry.on_closed]} ({_calendar(entry.calendar)})")
    days = _first_and_last(entry.from_day, entry.until_day)
    if days:
        parts.append(f"{days} ({entry.timezone})" if isinstance(entry, EveryEntry) else days)
    if entry.spread is not None:
        length = _period(entry.spread)
        parts.append(
            f"started up to {length if length[0].isdigit() else f'1 {length}'} later by a fixed delay"
        )
    return parts


def _first_and_last(first: date | None, last: date | None) -> str:
    if first is not None and first == last:
        return f"only on {first}"
    if first is not None and last is not None:
        return f"from {first} to {last} inclusive"
    if first is not None:
        return f"from {first} on"
    return f"until {last} inclusive" if last is not None else ""


def _period(every: timedelta) -> str:
    seconds = int(every.total_seconds())
    parts = []
    for unit, size in _UNITS.items():
        amount, seconds = divmod(seconds, size)
        if amount:
            parts.append(f"{amount} {unit}{'s' * (amount > 1)}")
    text = " ".join(parts)
    return text.removeprefix("1 ") if len(parts) == 1 else text


# --- the time of day


def _time(expression: CronExpression, *, is_every_day: bool) -> str:
    minutes, hours = _members(expression.minute), _members(expression.hour)
    if len(hours) < 24 and len(minutes) * len(hours) <= _MOST_TIMES:
        times = _listed([f"{hour:02}:{minute:02}" for hour in hours for minute in minutes])
        return f"every day at {times}" if is_every_day else f"at {times}"
    step = _even_step(minutes, 60)
    if step == 1:
        past = "every minute"
    elif step is not None:
        past = f"every {step} minutes"
    elif len(hours) == 24 and len(minutes) == 1:
        return f"at minute {minutes[0]} of every hour"
    else:
        past = f"at minute {_runs(minutes, str)}"
    of_hours = _hours(hours)
    if step is not None:
        return f"{past}{of_hours and ' of '}{of_hours}"
    return f"{past} past {of_hours or 'every hour'}"


def _hours(hours: list[int]) -> str:
    """The hours in words; "" for all of them."""
    step = _even_step(hours, 24)
    if step == 1:
        return ""
    if step is not None:
        return f"every {_ordinal(step)} hour from {hours[0]:02}"
    if hours == list(range(hours[0], hours[-1] + 1)) and len(hours) > 2:
        return f"every hour from {hours[0]:02} to {hours[-1]:02}"
    return f"hour {_runs(hours, '{:02}'.format)}"


def _even_step(values: list[int], cycle: int) -> int | None:
    """The distance of values that divide the whole cycle evenly from its beginning."""
    step = cycle // len(values)
    return step if len(values) > 2 and values == list(range(0, cycle, step)) else None


# --- the days


def _days(expression: CronExpression) -> str:
    """The days in words; "" for every day."""
    of_month = _days_of_month(expression)
    of_week = _days_of_week(expression)
    if expression.is_either:
        return f"{of_month} or {of_week}"
    if of_month and of_week:
        return f"{of_month} if it is {of_week.removeprefix('on ')}"
    return of_month or of_week


def _days_of_month(expression: CronExpression) -> str:
    days = _members(expression.day_of_month)
    if len(days) == 31:
        return "on any day" if expression.is_either else ""
    parts = [f"the {_runs(days, _ordinal)}"] if days else []
    parts += [_special(special) for special in expression.special_days_of_month]
    return f"on {_listed(parts)}"


def _days_of_week(expression: CronExpression) -> str:
    days = _members(expression.day_of_week)
    if len(days) == 7:
        return "on any day" if expression.is_either else ""
    parts = [_special(special) for special in expression.special_days_of_week]
    if days == _MONDAY_TO_FRIDAY:
        parts.insert(0, "weekdays")
    elif days:
        monday_first = sorted(days, key=lambda day: day or 7)
        parts.insert(0, _listed([_WEEKDAYS[day] for day in monday_first]))
    return f"on {_listed(parts)}"


def _special(special: SpecialDay) -> str:
    if special.kind == "L":
        return "the last day of the month"
    if special.kind == "LW":
        return "the last weekday of the month"
    if special.kind == "nW":
        return f"the weekday nearest to the {_ordinal(special.day)}"
    which = "last" if special.kind == "dL" else _NTH[special.nth - 1]
    return f"the {which} {_WEEKDAYS[special.day]} of the month"


def _months(expression: CronExpression) -> str:
    months = _members(expression.month)
    return "" if len(months) == 12 else f"in {_listed([_MONTHS[month - 1] for month in months])}"


def _cron_clock(zone: str, expression: CronExpression) -> str:
    is_once = len(_members(expression.minute)) == len(_members(expression.hour)) == 1
    return _clock_class(zone, is_fixed=expression.is_fixed, is_once=is_once)


def _clock_class(zone: str, *, is_fixed: bool, is_once: bool) -> str:
    """The zone, and the effect of a clock change."""
    if zone == "UTC":
        return "UTC"
    if not is_fixed:
        return f"{zone} (wildcard: each time the clock shows it)"
    return f"{zone} (fixed: {'one run per local day' if is_once else 'each local time once'})"


# --- lists


def _members(bits: int) -> list[int]:
    return [value for value in range(bits.bit_length()) if bits >> value & 1]


def _runs(values: list[int], text: Callable[[int], str]) -> str:
    """Numbers with consecutive ones joined: "1, 3 and 5 to 9"."""
    runs: list[list[int]] = []
    for value in values:
        if runs and value == runs[-1][-1] + 1:
            runs[-1].append(value)
        else:
            runs.append([value])
    parts: list[str] = []
    for run in runs:
        parts += [f"{text(run[0])} to {text(run[-1])}"] if len(run) > 2 else [text(value) for value in run]
    return _listed(parts)


def _listed(parts: Sequence[str]) -> str:
    *most, last = parts
    return f"{', '.join(most)} and {last}" if most else last


def _ordinal(number: int) -> str:
    is_teen = 10 <= number % 100 <= 20
    ending = {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")  # codespell:ignore nd
    return f"{number}{'th' if is_teen else ending}"
