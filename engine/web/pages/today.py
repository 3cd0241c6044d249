"""The first page: what was expected on a day, the results, what is to come, and what needs attention."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from urllib.parse import urlencode

from starlette.responses import Response

from engine.web.access import Access
from engine.web.apart.day import Day, Today, look_at_day
from engine.web.days import chosen_day, day_after, day_before
from engine.web.memory import PAGE
from engine.web.rendering import page
from engine.web.visits import Route, Visit
from jobfile.model.dataclass import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class TodayPage:
    """The values of the page."""

    day: Day
    found: Today | None
    """None when nothing was ever recorded."""
    at: datetime
    """The time of the answer."""
    is_today: bool
    has_zone: bool
    """Whether the address names a zone."""

    def link(self, day: str) -> str:
        """The address of another day; an empty one is today."""
        pairs = {"day": day, "zone": self.day.zone.key if self.has_zone else ""}
        query = urlencode({name: value for name, value in pairs.items() if value})
        return f"/?{query}" if query else "/"

    @property
    def before(self) -> str:
        """The day before."""
        return day_before(self.day)

    @property
    def after(self) -> str:
        """The day after."""
        return day_after(self.day)

    @property
    def command(self) -> str:
        """The command that prints the same numbers."""
        return f"jobfile report --since {_utc(self.day.since)} --until {_utc(self.day.until)}"


def show(visit: Visit) -> Response:
    """The page."""
    here = answer(visit)
    return page(visit, "today.html", title="Today", values={"here": here, "as_of": here.at})


def answer(visit: Visit) -> TodayPage:
    """What was expected on the day that the query names."""
    day = chosen_day(visit)
    found = visit.ask(PAGE, look_at_day, day, visit.user.jobs)
    return TodayPage(
        day=day,
        found=found,
        at=visit.now if found is None else found.at,
        is_today=day.since <= visit.now < day.until,
        has_zone="zone" in visit.query,
    )


def _utc(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%MZ}"


ROUTES: Final[Sequence[Route]] = (Route("GET", "/", Access.VIEW, show, is_for_limited=True),)
