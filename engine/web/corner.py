"""Whether everything adds up, for the corner of every page: expected and accounted for in 24 hours."""

from datetime import UTC, timedelta
from typing import Final

from engine.answers.report import Report, make_report
from engine.service.presence import presence_at
from engine.web.visits import Visit
from jobfile.model.dataclass import dataclass

WINDOW: Final = timedelta(hours=24)


@dataclass(frozen=True, slots=True, kw_only=True)
class Corner:
    """The answer in a few words."""

    adds_up: bool
    is_well: bool
    obstacle: str
    """Why nothing starts; empty if everything that is due starts."""

    @property
    def words(self) -> str:
        """What the corner says."""
        if not self.adds_up:
            return "does not add up"
        if self.obstacle:
            return "nothing starts"
        return "adds up" if self.is_well else "adds up, not all well"

    @property
    def tone(self) -> str:
        """Its class in the stylesheet."""
        if not self.adds_up or self.obstacle:
            return "bad"
        return "good" if self.is_well else "doubtful"

    @property
    def sign(self) -> str:
        """Its sign."""
        return {"good": "✓", "doubtful": "!", "bad": "✗"}[self.tone]


def corner(visit: Visit) -> Corner:
    """Whether everything adds up; the same for all who look within a few seconds."""
    return visit.recall("corner", _corner, is_rough=True)


def _corner(visit: Visit) -> Corner:
    report = last_day(visit)
    if report is None:
        return Corner(adds_up=True, is_well=True, obstacle="nothing is recorded yet")
    obstacle = report.presence.obstacle(UTC)
    return Corner(adds_up=not report.wrong, is_well=report.is_well, obstacle=obstacle)


def last_day(visit: Visit) -> Report | None:
    """The report of all jobs about the last 24 hours; None with no ledger."""
    return visit.recall("last day", _last_day, is_rough=True)


def _last_day(visit: Visit) -> Report | None:
    view = visit.view()
    if view is None:
        return None
    now = visit.now
    presence = presence_at(visit.place.config, view, now=now)
    until = now + timedelta.resolution
    return make_report(view, since=now - WINDOW, until=until, now=now, presence=presence)
