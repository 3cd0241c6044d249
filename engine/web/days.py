"""The zone and the day that the query of a page names."""

from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from engine.answers.did import day_window
from engine.asking.times import named_day
from engine.web.visits import Visit
from jobfile.model.namedtuple import NamedTuple
from jobfile.schedule.dates import YEARS
from jobfile.schedule.zones import load_zone

DEFAULT: Final = ZoneInfo("UTC")
"""The zone of a page whose address names none. A script then asks again, with the reader's."""
_DAY: Final = timedelta(days=1)


class Day(NamedTuple):
    """A day in a zone, as [since, until)."""

    date: date
    zone: ZoneInfo
    since: datetime
    until: datetime
    trouble: str
    """What is wrong with the zone or the day in the address; empty if nothing is."""

    @property
    def before(self) -> str:
        """The day before."""
        return (self.date - _DAY).isoformat()

    @property
    def after(self) -> str:
        """The day after."""
        return (self.date + _DAY).isoformat()


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
    since, until = day_window(day, zone)
    return Day(day, zone, since.astimezone(UTC), until.astimezone(UTC), trouble)
