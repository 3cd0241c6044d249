"""A day: what was expected, the results, what is to come, and what needs attention."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Final
from zoneinfo import ZoneInfo

from engine.answers.band import COMING, Stretch, make_band
from engine.answers.choice import ALL
from engine.answers.concerns import MAX_ASKED, Concern, concerns_of_engine, concerns_of_jobs
from engine.answers.counting import FIXED
from engine.answers.did import day_window
from engine.answers.report import VERDICTS, Report, Row, make_report
from engine.asking.choosing import seen_jobs
from engine.core.lifecycle import RunState
from engine.service.presence import presence_at
from engine.web.apart.last_day import last_day
from engine.web.apart.question import ROUGHLY, Scene
from engine.web.axes import Axis
from engine.web.bands import SLOT, BandPicture, picture_of
from engine.web.visit_place import Pattern
from jobfile.model.dataclass import dataclass
from jobfile.model.namedtuple import NamedTuple
from jobfile.schedule.zones import load_zone

DEFAULT: Final = load_zone("UTC") or ZoneInfo("UTC")
"""The zone of a page whose address names none. A script then asks again, with the reader's."""
ALWAYS: Final = ("succeeded", "failed", "skipped", "missed", "lost")
"""The verdicts that are shown even when there are none; the others only where they occur."""
NAMES: Final = {FIXED: "fixed by hand", "timed_out": "timed out"}
MAX_WRONG: Final = 5
"""Maximum number of jobs named whose sum does not add up."""
MAX_CALM: Final = 5
"""Maximum number of jobs named that were not well and need nothing now."""


class Day(NamedTuple):
    """A day in a zone, as [since, until)."""

    date: date
    zone: ZoneInfo
    since: datetime
    until: datetime
    trouble: str
    """What is wrong with the zone or the day in the address; empty if nothing is."""


def day_in(zone: ZoneInfo, now: datetime, day: date | None = None, trouble: str = "") -> Day:
    """A day in a zone; without one, today."""
    day = day or now.astimezone(zone).date()
    since, until = day_window(day, zone)
    return Day(day, zone, since.astimezone(UTC), until.astimezone(UTC), trouble)


@dataclass(frozen=True, slots=True, kw_only=True)
class Today:
    """What there is to say about a day."""

    at: datetime
    total: Row
    """The sums of the report."""
    wrong_jobs: tuple[str, ...]
    """The jobs whose sum does not add up."""
    obstacle: str
    """Why nothing starts; empty if everything that is due starts."""
    late: int
    """How many jobs are late now."""
    band: BandPicture
    coming: int
    running: int
    waiting: int
    concerns: tuple[Concern, ...]
    more: int
    """How many further jobs are not well."""
    calm: tuple[str, ...]
    """The jobs that were not well on this day or in the last 24 hours, and need nothing now."""

    @property
    def numbers(self) -> tuple[tuple[str, str, int], ...]:
        """The verdicts of the report: the word, the name, the number."""
        found = self.total.verdicts
        return tuple(
            (verdict, NAMES.get(verdict, verdict), found.get(verdict, 0))
            for verdict in VERDICTS
            if verdict in ALWAYS or found.get(verdict, 0)
        )

    @property
    def wrong(self) -> str:
        """The jobs whose sum does not add up, in words."""
        return _some(self.wrong_jobs, MAX_WRONG)

    @property
    def calm_names(self) -> str:
        """The jobs that need nothing now, in words."""
        return _some(self.calm, MAX_CALM)

    @property
    def count_wrong(self) -> int:
        """How many things need attention."""
        return len(self.concerns) + self.more


def _some(names: Sequence[str], most: int) -> str:
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def look_at_day(scene: Scene, day: Day, jobs: str) -> Today | None:
    """The day of those jobs that a pattern of their names lets someone see; None with no ledger."""
    view = scene.view()
    if view is None:
        return None
    seer, now = Pattern(jobs), scene.now
    presence = presence_at(scene.place.config, view, now=now)
    seen = seen_jobs(scene.place_of(seer), view, ALL)
    report = make_report(
        view, since=day.since, until=day.until, now=now, presence=presence, jobs=seen, zone=day.zone
    )
    stretch = Stretch(since=day.since, until=day.until, length=SLOT, now=now, presence=presence, jobs=seen)
    band = make_band(view, stretch)
    opened = [run for run in view.open_runs() if seen is None or run.job in seen]
    waiting = sum(run.state is RunState.QUEUED for run in opened)
    is_today = day.since <= now < day.until
    troubled = _troubled(scene, report, seer, is_today=is_today)
    of_jobs = concerns_of_jobs(
        view, troubled, day=None if is_today else (day.date, day.zone), now=now, presence=presence
    )
    is_of_all = is_today and not seer.is_limited
    of_engine = concerns_of_engine(view, presence, now=now) if is_of_all else ()
    named = {one.job for one in of_jobs}
    return Today(
        at=now,
        total=report.total,
        wrong_jobs=report.wrong,
        obstacle=presence.obstacle(UTC),
        late=len(report.late),
        band=picture_of(band, Axis(day.since, day.until, day.zone)),
        coming=Counter(band.total)[COMING],
        running=len(opened) - waiting,
        waiting=waiting,
        concerns=(*of_engine, *of_jobs),
        more=max(0, len(troubled) - MAX_ASKED),
        calm=tuple(one for one in troubled[:MAX_ASKED] if one not in named),
    )


def _troubled(scene: Scene, report: Report, seer: Pattern, *, is_today: bool) -> list[str]:
    """The jobs that something was not well with, on this day, or if it is today, in the last 24 hours."""
    found = {row.job for row in report.rows if not row.is_well} | set(report.late)
    last = scene.ask(ROUGHLY, last_day) if is_today else None
    if last is not None:
        found |= {job for job in last.troubled if seer.sees(job)}
    return sorted(found)
