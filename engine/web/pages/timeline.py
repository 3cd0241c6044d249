"""The timeline: who ran when, what overlapped, what waited, and when no engine was there."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from starlette.responses import Response

from engine.answers.timeline import MAX_ROWS, Timeline
from engine.asking.times import parse_instant
from engine.core.errors import WrongUsageError
from engine.web.access import Access
from engine.web.apart.window import Chosen, look_at_window
from engine.web.axes import Axis
from engine.web.days import chosen_zone
from engine.web.memory import PAGE
from engine.web.rendering import page
from engine.web.timelines import TimelinePicture, picture_of
from engine.web.visits import Fields, Route, Visit
from jobfile.model.dataclass import dataclass

MINUTE: Final = timedelta(minutes=1)
ZOOMS: Final = (
    ("hour", timedelta(hours=1)),
    ("6 hours", timedelta(hours=6)),
    ("day", timedelta(days=1)),
    ("week", timedelta(days=7)),
    ("month", timedelta(days=31)),
)
"""The lengths that links lead to."""
DEFAULT: Final = timedelta(days=1)
SHORTEST: Final = timedelta(minutes=10)
LONGEST: Final = timedelta(days=32)
MAX_PAGE: Final = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """The window that the address names."""

    since: datetime
    until: datetime
    zone: ZoneInfo
    trouble: str
    is_now: bool
    """Whether it ends with the present, so that it moves with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelinePage:
    """The values of the page."""

    span: Span
    found: Timeline | None
    """None when nothing was ever recorded."""
    picture: TimelinePicture | None
    number: int
    """Of this page of jobs, from 1."""
    query: Fields

    @property
    def pages(self) -> int:
        """How many pages there are."""
        return max(1, -(-(self.found.jobs if self.found else 0) // MAX_ROWS))

    @property
    def zooms(self) -> tuple[tuple[str, str, bool], ...]:
        """The lengths, each with its address and whether it is the present one."""
        length = self.span.until - self.span.since
        return tuple((name, self._around(one), abs(one - length) < MINUTE) for name, one in ZOOMS)

    @property
    def before(self) -> str:
        """The address of the time before."""
        return self._moved(-1)

    @property
    def after(self) -> str:
        """The address of the time after."""
        return self._moved(1)

    def link(self, **changes: str) -> str:
        """The address of this page with other values in its query; an empty value is left out."""
        kept = [one for one in self.query.pairs if one[0] not in {*changes, "page"}]
        pairs = [(name, value) for name, value in (*kept, *changes.items()) if value]
        return f"/timeline?{urlencode(pairs)}" if pairs else "/timeline"

    def _moved(self, times: int) -> str:
        step = times * (self.span.until - self.span.since)
        return self._of(self.span.since + step, self.span.until + step)

    def _around(self, length: timedelta) -> str:
        """A window of this length that ends where this one does, or has the same middle."""
        span = self.span
        if span.is_now:
            return self._of(span.until - length, span.until)
        middle = span.since + (span.until - span.since) / 2
        return self._of(middle - length / 2, middle + length / 2)

    def _of(self, since: datetime, until: datetime) -> str:
        return self.link(**{"from": _utc(since), "to": _utc(until)})


def show(visit: Visit) -> Response:
    """The page."""
    here = answer(visit)
    at = visit.now if here.found is None else here.found.now
    return page(visit, "timeline.html", title="Timeline", values={"here": here, "as_of": at})


def answer(visit: Visit) -> TimelinePage:
    """The runs of the window and of the jobs that the query names."""
    span, query = _span(visit), visit.query
    text = query.get("page")
    number = min(MAX_PAGE, int(text)) if text.isascii() and text.isdigit() and int(text[:9]) else 1
    chosen = Chosen(query.all("tag"), query.get("job").strip().lower(), visit.user.jobs)
    found = visit.ask(PAGE, look_at_window, span.since, span.until, chosen, skip=(number - 1) * MAX_ROWS)
    picture = None if found is None else picture_of(found, Axis(span.since, span.until, span.zone))
    return TimelinePage(span=span, found=found, picture=picture, number=number, query=query)


def _span(visit: Visit) -> Span:
    """The window of the query; without one, the last 24 hours."""
    zone, trouble = chosen_zone(visit)
    query = visit.query
    end = visit.now.replace(second=0, microsecond=0) + MINUTE  # so that all who look within a minute share it
    until, since = end, None
    try:
        if query.get("to"):
            until = parse_instant(query.get("to"), zone, now=visit.now)
        if query.get("from"):
            since = parse_instant(query.get("from"), zone, now=visit.now)
    except WrongUsageError as error:
        trouble, until, since = str(error), end, None
    since = since or until - DEFAULT
    if not SHORTEST <= until - since <= LONGEST:
        trouble = trouble or "a timeline is between 10 minutes and a month long"
        since = until - min(max(until - since, SHORTEST), LONGEST)
    is_now = not query.get("to") or abs(until - end) < MINUTE
    return Span(since=since, until=until, zone=zone, trouble=trouble, is_now=is_now)


def _utc(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"


ROUTES: Final[Sequence[Route]] = (Route("GET", "/timeline", Access.VIEW, show, is_for_limited=True),)
