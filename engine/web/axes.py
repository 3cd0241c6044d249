"""The axis of a picture over time: where an instant is, and which instants are named below it.

Places are percentages, so that a picture fits every width, and its text keeps its size.
"""

from collections.abc import Iterator
from datetime import datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from jobfile.model.namedtuple import NamedTuple

HOUR: Final = timedelta(hours=1)
DAY: Final = timedelta(days=1)
_STEPS: Final = (
    (2 * HOUR, timedelta(minutes=10)),
    (8 * HOUR, HOUR),
    (26 * HOUR, 3 * HOUR),
    (8 * DAY, DAY),
    (16 * DAY, 2 * DAY),
)
"""For windows up to this length: how far apart the named instants are."""
_LONGEST_STEP: Final = 4 * DAY
MAX_TICKS: Final = 40


class Tick(NamedTuple):
    """An instant that is named."""

    x: str
    text: str
    is_minor: bool
    """Whether its name is left out on a narrow screen."""


class Axis(NamedTuple):
    """A window [since, until), in a zone."""

    since: datetime
    until: datetime
    zone: ZoneInfo

    def part(self, at: datetime) -> float:
        """Where an instant is, from 0 to 1; one outside is at the nearer end."""
        part = (at - self.since) / (self.until - self.since)
        return min(1.0, max(0.0, part))

    def x(self, at: datetime) -> str:
        """Where an instant is, for the attribute of a picture."""
        return percent(self.part(at))

    def width(self, since: datetime, until: datetime) -> str:
        """How wide a time is."""
        return percent(self.part(until) - self.part(since))

    def ticks(self) -> list[Tick]:
        """The instants that are named."""
        length = self.until - self.since
        step = next((step for most, step in _STEPS if length <= most), _LONGEST_STEP)
        found = list(_instants(self, step))[:MAX_TICKS]
        return [Tick(self.x(at), self._text(at, step), index % 2 == 1) for index, at in enumerate(found)]

    def _text(self, at: datetime, step: timedelta) -> str:
        local = at.astimezone(self.zone)
        return f"{local:%H:%M}" if step < DAY else f"{local:%a %-d %b}"


def percent(part: float) -> str:
    """A part of the width."""
    return f"{100 * part:.3f}%"


def _instants(axis: Axis, step: timedelta) -> Iterator[datetime]:
    """The instants of a window at which the local time is a multiple of the step."""
    first = axis.since.astimezone(axis.zone).date()
    days = max(1, step // DAY)
    for number in range(0, (axis.until - axis.since) // DAY + 2, days):
        midnight = datetime.combine(first + number * DAY, time(), axis.zone).astimezone(axis.since.tzinfo)
        after = datetime.combine(first + (number + 1) * DAY, time(), axis.zone).astimezone(axis.since.tzinfo)
        at = midnight
        while at < after:
            local = at.astimezone(axis.zone)
            since_midnight = timedelta(hours=local.hour, minutes=local.minute)
            if axis.since <= at < axis.until and not since_midnight % min(step, DAY):
                yield at
            at += min(step, HOUR) if step < DAY else DAY
