"""The zone and the day that the query of a page names."""

from datetime import timedelta
from typing import Final
from zoneinfo import ZoneInfo

from engine.asking.times import named_day
from engine.web.apart.day import DEFAULT, Day, day_in
from engine.web.visits import Visit
from jobfile.schedule.dates import YEARS
from jobfile.schedule.zones import load_zone

_DAY: Final = timedelta(days=1)


def day_before(day: Day) -> str:
    """The day before."""
    return (day.date - _DAY).isoformat()


def day_after(day: Day) -> str:
    """The day after."""
    return (day.date + _DAY).isoformat()


def chosen_zone(visit: Visit) -> tuple[ZoneInfo, str]:
    """The zone that the address names, and what is wrong with that."""
    name = visit.query.get("zone")
    found = load_zone(name) if name else DEFAULT
    return (found, "") if found is not None else (DEFAULT, f"there is no time zone '{name}'; this is UTC")


def chosen_day(visit: Visit) -> Day:
    """The day that the address names: 2026-11-28, yesterday; without one, today."""
    zone, trouble = chosen_zone(visit)
    today, text = visit.now.astimezone(zone).date(), visit.query.get("day")
    day = named_day(text, zone, now=visit.now) if text else today
    if day is None or day.year not in YEARS[1:-1]:
        day, trouble = today, trouble or f"'{text}' is not a day; this is today"
    return day_in(zone, visit.now, day, trouble)
