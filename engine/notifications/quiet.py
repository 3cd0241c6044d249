"""When a channel is quiet, and until when: then only the events that it excepts are sent. Pure."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Final

from engine.core.lateness import deadline_of, local_day
from jobfile.model.jobs import CalendarSpec, QuietSpec
from jobfile.model.namedtuple import NamedTuple
from jobfile.schedule.dates import parse_hours

REPEAT: Final = timedelta(hours=1)
"""How soon the same event of a job may be sent again, if a channel sets nothing else."""
LONGEST_QUIET: Final = 400
"""Maximum number of steps, each to the end of some hours or of a day, after which the search ends."""
_DAY: Final = timedelta(days=1)
_MIDNIGHT: Final = "00:00"


class Quiet(NamedTuple):
    """How quiet a channel is now."""

    until: datetime | None = None
    """When it is no longer quiet; None: it is not."""
    spared: tuple[str, ...] = ()
    """Events that are sent nevertheless."""
    repeat: timedelta = REPEAT


LOUD: Final = Quiet()
"""A channel without `quiet`."""


def quiet_now(quiet: QuietSpec | None, now: datetime) -> Quiet:
    """How quiet a channel with these settings is."""
    if quiet is None:
        return LOUD
    until = now
    for _ in range(LONGEST_QUIET):
        end = max(_ends(quiet, until), default=until)
        if end <= until:
            break
        until = end
    return Quiet(until if until > now else None, quiet.spared, quiet.repeat or REPEAT)


def _ends(quiet: QuietSpec, at: datetime) -> Iterator[datetime]:
    """The ends of the quiet times that contain an instant."""
    day = local_day(at, quiet.timezone)
    if quiet.calendar is not None and not _is_open(quiet.calendar, day):
        yield _instant(_MIDNIGHT, quiet.timezone, day + _DAY)
    hours = None if quiet.hours is None else parse_hours(quiet.hours)
    if hours is None:
        return
    begin, end = hours
    for first in (day - _DAY, day):  # the hours of yesterday may end today
        starts = _instant(begin, quiet.timezone, first)
        ends = _instant(end, quiet.timezone, first if end > begin else first + _DAY)
        if starts <= at < ends:
            yield ends


def _instant(time: str, zone: str, day: date) -> datetime:
    found = deadline_of(time, zone, day)
    while found is None:  # a zone that left out a whole day, as Samoa did
        day += _DAY
        found = deadline_of(time, zone, day)
    return found


def _is_open(calendar: CalendarSpec, day: date) -> bool:
    return day in calendar.also or (day.weekday() in calendar.weekdays and day not in calendar.closed)
