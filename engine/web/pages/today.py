"""The first page: what was expected on a day, the results, what is to come, and what needs attention."""

from collections import Counter
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlencode

from starlette.responses import Response

from engine.answers.band import COMING, Stretch, make_band
from engine.answers.choice import ALL
from engine.answers.concerns import MAX_ASKED, Concern, concerns_of_engine, concerns_of_jobs
from engine.answers.counting import FIXED
from engine.answers.presence import Presence
from engine.answers.report import VERDICTS, Report, make_report
from engine.asking.choosing import seen_jobs
from engine.core.lifecycle import RunState
from engine.ledger.ports import View
from engine.service.presence import presence_at
from engine.web.access import Access
from engine.web.axes import Axis
from engine.web.bands import SLOT, BandPicture, picture_of
from engine.web.corner import last_day
from engine.web.days import Day, chosen_day
from engine.web.rendering import page
from engine.web.visits import Route, Visit
from jobfile.model.dataclass import dataclass

ALWAYS: Final = ("succeeded", "failed", "skipped", "missed", "lost")
"""The verdicts that are shown even when there are none; the others only where they occur."""
NAMES: Final = {FIXED: "fixed by hand", "timed_out": "timed out"}
MAX_WRONG: Final = 5
"""Maximum number of jobs named whose sum does not add up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Today:
    """What there is to say about a day."""

    at: datetime
    report: Report
    band: BandPicture
    coming: int
    running: int
    waiting: int
    concerns: tuple[Concern, ...]
    more: int
    """How many further jobs are not well."""

    @property
    def numbers(self) -> tuple[tuple[str, str, int], ...]:
        """The verdicts of the report: the word, the name, the number."""
        found = self.report.total.verdicts
        return tuple(
            (verdict, NAMES.get(verdict, verdict), found.get(verdict, 0))
            for verdict in VERDICTS
            if verdict in ALWAYS or found.get(verdict, 0)
        )

    @property
    def wrong(self) -> str:
        """The jobs whose sum does not add up."""
        names = self.report.wrong
        more = f" and {len(names) - MAX_WRONG:,} more" if len(names) > MAX_WRONG else ""
        return ", ".join(names[:MAX_WRONG]) + more

    @property
    def count_wrong(self) -> int:
        """How many things need attention."""
        return len(self.concerns) + self.more

    @property
    def late(self) -> int:
        """How many jobs are late now."""
        return len(self.report.late)

    @property
    def obstacle(self) -> str:
        """Why nothing starts; empty if everything that is due starts."""
        return self.report.presence.obstacle(UTC)


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
    question = ("today", day.date, day.zone.key, visit.user.jobs)
    found = visit.recall(question, lambda visit: _look_at(visit, day))
    return TodayPage(
        day=day,
        found=found,
        at=visit.now if found is None else found.at,
        is_today=day.since <= visit.now < day.until,
        has_zone="zone" in visit.query,
    )


def _look_at(visit: Visit, day: Day) -> Today | None:
    view = visit.view()
    if view is None:
        return None
    now, presence = visit.now, presence_at(visit.place.config, view, now=visit.now)
    jobs = seen_jobs(visit.place, view, ALL)
    report = make_report(
        view, since=day.since, until=day.until, now=now, presence=presence, jobs=jobs, zone=day.zone
    )
    stretch = Stretch(since=day.since, until=day.until, length=SLOT, now=now, presence=presence, jobs=jobs)
    band = make_band(view, stretch)
    opened = [run for run in view.open_runs() if jobs is None or run.job in jobs]
    waiting = sum(run.state is RunState.QUEUED for run in opened)
    is_today = day.since <= now < day.until
    troubled = _troubled(report, last_day(visit) if is_today else None, jobs)
    of_jobs = concerns_of_jobs(
        view, troubled, day=None if is_today else (day.date, day.zone), now=now, presence=presence
    )
    return Today(
        at=now,
        report=report,
        band=picture_of(band, Axis(day.since, day.until, day.zone)),
        coming=Counter(band.total)[COMING],
        running=len(opened) - waiting,
        waiting=waiting,
        concerns=(*_of_engine(visit, view, presence, is_today=is_today), *of_jobs),
        more=max(0, len(troubled) - MAX_ASKED),
    )


def _troubled(report: Report, last: Report | None, jobs: Collection[str] | None) -> list[str]:
    """The jobs that were not well: those that need attention most come first."""
    found = {row.job for row in report.rows if not row.is_well} | set(report.late)
    if last is not None:
        late = {row.job for row in last.rows if not row.is_well} | set(last.late)
        found |= {job for job in late if jobs is None or job in jobs}
    return sorted(found)


def _of_engine(visit: Visit, view: View, presence: Presence, *, is_today: bool) -> list[Concern]:
    """What is wrong besides jobs: it is about all of them."""
    if not is_today or visit.user.is_limited:
        return []
    return list(concerns_of_engine(view, presence, now=visit.now))


def _utc(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%MZ}"


ROUTES: Final[Sequence[Route]] = (Route("GET", "/", Access.VIEW, show, is_for_limited=True),)
