"""What the last 24 hours were like, of all jobs: for the corner of every page, and for Today."""

from datetime import UTC, datetime, timedelta
from typing import Final

from engine.answers.report import make_report
from engine.service.presence import presence_at
from engine.web.apart.question import Scene
from jobfile.model.dataclass import dataclass

WINDOW: Final = timedelta(hours=24)


@dataclass(frozen=True, slots=True, kw_only=True)
class LastDay:
    """What a report of these hours says, without its thousands of rows."""

    at: datetime
    adds_up: bool
    is_well: bool
    obstacle: str
    """Why nothing starts; empty if everything that is due starts."""
    troubled: frozenset[str]
    """The jobs that something was not well with, or that are late."""


def last_day(scene: Scene) -> LastDay | None:
    """The last 24 hours; None with no ledger."""
    view = scene.view()
    if view is None:
        return None
    now = scene.now
    presence = presence_at(scene.place.config, view, now=now)
    report = make_report(
        view, since=now - WINDOW, until=now + timedelta.resolution, now=now, presence=presence
    )
    return LastDay(
        at=now,
        adds_up=not report.wrong,
        is_well=report.is_well,
        obstacle=presence.obstacle(UTC),
        troubled=frozenset({row.job for row in report.rows if not row.is_well} | set(report.late)),
    )
