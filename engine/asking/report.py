"""Everything expected in a window, and the results."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from engine.answers.choice import Choice
from engine.answers.days import DAY, midnight_of
from engine.answers.report import Parts, Report, Row, day_rows, make_report
from engine.asking.axes import jobs_with_axes, refuse_unknown_axes
from engine.asking.choosing import Window, refuse_choice_of_one, seen_jobs, window_of
from engine.asking.naming import job_named
from engine.asking.place import Place
from engine.asking.times import parse_days
from engine.core.errors import WrongUsageError
from engine.ledger.ports import View
from engine.service.presence import presence_at
from jobfile.model.dataclass import dataclass
from jobfile.schedule.zones import load_zone

DEFAULT_WINDOW: Final = timedelta(hours=24)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a report is about, as text: jobs by name or by choice, and a time by its ends or as a day."""

    jobs: Sequence[str] = ()
    choice: Choice = Choice(tags=(), owners=())
    matrix: Mapping[str, str] = field(default_factory=dict)
    since: str | None = None
    until: str | None = None
    day: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reported:
    """A report, and the ledger that it was made from."""

    report: Report
    view: View
    now: datetime
    matrix: Mapping[str, str]

    def days(self, of_period: Report) -> Iterator[tuple[date, Row]]:
        """The numbers of each job on each day, for a report or the one before it."""
        return day_rows(self.view, of_period, now=self.now, matrix=self.matrix)


def ask_report(place: Place, wanted: Wanted, *, parts: Parts | None = None) -> Reported:
    """The report about the jobs; `parts` says what it has besides the numbers."""
    if wanted.day and (wanted.since or wanted.until):
        raise WrongUsageError(
            f"--on and {'--since' if wanted.since else '--until'} both say when; remove one"
        )
    refuse_choice_of_one(wanted.jobs[0] if wanted.jobs else None, wanted.choice)
    named = [job_named(place, name) for name in dict.fromkeys(wanted.jobs)]
    view, now = named[0].view if named else place.view(), place.now()
    for one in named:
        refuse_unknown_axes(view, one.job, wanted.matrix)
    jobs = frozenset(one.job for one in named) if named else seen_jobs(place, view, wanted.choice)
    if wanted.matrix and not named:
        jobs = jobs_with_axes(view, wanted.matrix, jobs)
    zone = named[0].zone if len(named) == 1 else None
    if wanted.day:
        window = _days(wanted.day, zone, place)
    else:
        window = window_of(wanted.since, wanted.until, zone, now=now, default=DEFAULT_WINDOW)
    report = make_report(
        view,
        since=window.since,
        until=window.until,
        now=now,
        presence=presence_at(place.config, view, now=now),
        jobs=jobs,
        matrix=wanted.matrix,
        zone=zone or UTC,
        parts=parts or Parts(),
    )
    return Reported(report=report, view=view, now=now, matrix=wanted.matrix)


def _days(text: str, zone: ZoneInfo | None, place: Place) -> Window:
    """The window of the days that a text names."""
    zone = zone or load_zone("UTC")
    assert zone is not None
    days = parse_days(text, zone, now=place.now())
    return Window(midnight_of(days.first, zone), midnight_of(days.last + DAY, zone))
