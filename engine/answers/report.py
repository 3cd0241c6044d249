"""Answers of `report`.

For any window, expected = the sum of the verdicts: both sides are counted and compared.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import field, replace
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import cached_property
from types import MappingProxyType
from typing import Final

from engine.answers.counting import FEW, FIXED, Counts, Scope, count_expected
from engine.answers.days import DAY, LocalDays, midnight_of, period_before
from engine.answers.expected import INSTANT
from engine.answers.lateness import late_jobs
from engine.answers.overdue import NOT_WELL, OPEN, OVERDUE
from engine.answers.presence import Presence
from engine.answers.problems import Problem, find_problems
from engine.ledger.ports import View
from jobfile.model.dataclass import dataclass
from jobfile.model.namedtuple import NamedTuple

VERDICTS: Final = (
    "succeeded",
    FIXED,
    "failed",
    "timed_out",
    "cancelled",
    "lost",
    "skipped",
    "missed",
    OVERDUE,
    OPEN,
)
MAX_CALENDARS: Final = 50
"""Maximum number of jobs with a calendar; a year of squares is about 60 KB."""
WEEKS: Final = 53
"""Weeks of a calendar."""

Calendar = Mapping[date, Mapping[str, int]]
"""The verdicts of each day on which something was expected."""


class Parts(NamedTuple):
    """What a report has besides its numbers; each costs more reading."""

    measures: bool = False
    before: bool = False
    problems: bool = False
    calendars: bool = False


NUMBERS: Final = Parts()
"""Nothing besides."""


class Measures(NamedTuple):
    """What is measured of a job's runs, or of all: medians, None without a run, and how often it was late."""

    duration: timedelta | None = None
    """Of the runs that succeeded, from their first start to their end."""
    lateness: timedelta | None = None
    """How long after their time the runs of the schedule started."""
    late: int = 0
    """How often an expectation of the job about time was not met."""


UNMEASURED: Final = Measures()


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One job's numbers. `scheduled` is counted from the schedules, `verdicts` from the records."""

    job: str
    scheduled: int
    requested: int
    verdicts: Mapping[str, int]
    failing: Mapping[str, int] = field(default_factory=dict)
    """How often each combination of its matrix needs attention."""

    @property
    def expected(self) -> int:
        """The number of runs that a schedule expected or a user requested."""
        return self.scheduled + self.requested

    @property
    def numbers(self) -> dict[str, int]:
        """All numbers by name, in one order: every verdict has one."""
        counts = {"expected": self.expected, "scheduled": self.scheduled, "requested": self.requested}
        return counts | {verdict: self.verdicts.get(verdict, 0) for verdict in VERDICTS}

    @property
    def adds_up(self) -> bool:
        """Whether each expected run has exactly one verdict."""
        return self.expected == sum(self.verdicts.values())

    @property
    def is_well(self) -> bool:
        """Whether nothing that was expected needs attention."""
        return not self.bad

    @property
    def good(self) -> int:
        """How many runs succeeded, at first or when retried by hand."""
        return self.verdicts.get("succeeded", 0) + self.verdicts.get(FIXED, 0)

    @property
    def bad(self) -> int:
        """How many runs need attention."""
        return sum(self.verdicts.get(verdict, 0) for verdict in NOT_WELL)

    @property
    def success_rate(self) -> float | None:
        """The part that succeeded of the runs that did or need attention, 0 to 1; None without any."""
        return self.good / (self.good + self.bad) if self.good + self.bad else None


@dataclass(frozen=True, kw_only=True)
class Report:
    """The numbers of a window [since, until), per job and in total."""

    since: datetime
    until: datetime
    rows: tuple[Row, ...]
    presence: Presence
    unsettled: int = 0
    """Open runs whose process is gone and whose end no engine has recorded."""
    late: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The jobs that are late now, each with the words."""
    zone: tzinfo = UTC
    """The zone of its times: that of the job if it is about one, else UTC."""
    measures: Mapping[str, Measures] = field(default_factory=dict)
    """What is measured of each job, and of all under the empty name."""
    before: "Report | None" = None
    """The report of the period before, if it is compared with that."""
    problems: tuple[Problem, ...] = ()
    """The newest runs of each job that need attention."""
    calendars: Mapping[str, Calendar] = field(default_factory=dict)
    """The year up to the end of the window, of the jobs that need attention most."""
    last_day: date | None = None
    """The last day of the calendars."""

    @property
    def is_well(self) -> bool:
        """Whether nothing needs attention. Unsettled runs do: without an engine they stay open."""
        return self.total.is_well and not self.unsettled and not self.late

    @cached_property
    def wrong(self) -> tuple[str, ...]:
        """The jobs whose sum does not add up."""
        return tuple(row.job for row in self.rows if not row.adds_up)

    @cached_property
    def total(self) -> Row:
        """The sum of all jobs. A page asks for it several times, and there may be thousands of rows."""
        verdicts: Counter[str] = Counter()
        for row in self.rows:
            verdicts.update(row.verdicts)
        return Row(
            job="",
            scheduled=sum(row.scheduled for row in self.rows),
            requested=sum(row.requested for row in self.rows),
            verdicts=dict(verdicts),
        )

    @property
    def worst_first(self) -> list[Row]:
        """The jobs, those with the most runs that need attention first."""
        return sorted(self.rows, key=lambda row: (-row.bad, row.job not in self.late, row.job))


def make_report(
    view: View,
    *,
    since: datetime,
    until: datetime,
    now: datetime,
    presence: Presence,
    jobs: Collection[str] | None = None,
    matrix: Mapping[str, str] = MappingProxyType({}),
    zone: tzinfo = UTC,
    parts: Parts = NUMBERS,
) -> Report:
    """Count what was expected in [since, until) and due by `now`, and the results; for some jobs or all."""
    scope = Scope(since=since, until=until, now=now, presence=presence, jobs=jobs, matrix=matrix)
    with view.soundness.snapshot():  # all of one moment: an engine may write meanwhile
        found = _report(view, scope, zone, has_measures=parts.measures or parts.before)
        late = late_jobs(view, presence, now=now) if until >= now else {}
        found = replace(found, late={job: words for job, words in late.items() if scope.has(job)})
        if parts.before:
            begin, end = period_before(since, until, zone, now=now)
            earlier = replace(scope, since=begin, until=end)
            found = replace(found, before=_report(view, earlier, zone, has_measures=True))
        if parts.problems:
            found = replace(found, problems=find_problems(view, scope))
        return _with_calendars(view, found, scope) if parts.calendars else found


def day_rows(
    view: View, report: Report, *, now: datetime, matrix: Mapping[str, str]
) -> Iterator[tuple[date, Row]]:
    """The numbers of a report by day: each job and day on which something was expected, by job.

    They are counted for few jobs at a time: a year of many jobs would not fit into memory.
    """
    names = [row.job for row in report.rows]
    scope = Scope(
        since=report.since, until=report.until, now=now, presence=report.presence, jobs=(), matrix=matrix
    )
    with view.soundness.snapshot():
        for begin in range(0, len(names), FEW):
            yield from _by_day(view, replace(scope, jobs=names[begin : begin + FEW]), report.zone)


def _by_day(view: View, scope: Scope, zone: tzinfo) -> Iterator[tuple[date, Row]]:
    if scope.due <= scope.since:
        return
    counts = count_expected(view, scope, days=LocalDays(scope.since, scope.due, zone))
    for job, day in sorted({*counts.scheduled, *counts.requested, *counts.verdicts}):
        row = _row(counts, job, day)
        if day is not None and (row.expected or row.verdicts):
            yield day, row


def _report(view: View, scope: Scope, zone: tzinfo, *, has_measures: bool) -> Report:
    counts = count_expected(view, scope)
    counted = {job for job, _ in (*counts.scheduled, *counts.requested, *counts.verdicts)}
    known = counted | {job.job for job in view.jobs_in_force()}
    names = sorted(name for name in known if scope.has(name))
    return Report(
        since=scope.since,
        until=scope.until,
        rows=tuple(_row(counts, name, None) for name in names),
        presence=scope.presence,
        unsettled=len(counts.unsettled),
        zone=zone,
        measures=_measures(view, scope, counts) if has_measures else {},
    )


def _row(counts: Counts, job: str, day: date | None) -> Row:
    return Row(
        job=job,
        scheduled=counts.scheduled[job, day],
        requested=counts.requested[job, day],
        verdicts=dict(+counts.verdicts[job, day]),
        failing=dict(counts.failing[job]),
    )


def _measures(view: View, scope: Scope, counts: Counts) -> dict[str, Measures]:
    """What is measured, by job; for chosen combinations, it is computed from their runs."""
    since, until = scope.since, scope.due
    if not scope.matrix:
        for job, duration, lateness in view.totals.courses(scope.jobs, since=since, until=until):
            counts.note(job, duration, lateness)
    durations, latenesses = dict(counts.durations.medians()), dict(counts.lateness.medians())
    found = view.lateness.between(None, since=since, until=until)
    late = Counter(one.job for one in found if scope.has(one.job))
    late[""] = late.total()
    names = {*durations, *latenesses, *late}
    return {one: Measures(durations.get(one), latenesses.get(one), late[one]) for one in names}


def _with_calendars(view: View, report: Report, scope: Scope) -> Report:
    """Add the calendars of the jobs that need attention most."""
    names = [row.job for row in report.worst_first[:MAX_CALENDARS]]
    last = max(min(scope.until - INSTANT, scope.now), scope.since).astimezone(report.zone).date()
    calendars = _calendars(view, replace(scope, jobs=names), last, report.zone)
    return replace(report, calendars=calendars, last_day=last)


def year_of_job(
    view: View, job: str, *, last: date, zone: tzinfo, now: datetime, presence: Presence
) -> Calendar:
    """The year of one job up to a day, as a report has it."""
    scope = Scope(since=now, until=now, now=now, presence=presence, jobs=[job], matrix={})
    with view.soundness.snapshot():
        return _calendars(view, scope, last, zone)[job]


def _calendars(view: View, scope: Scope, last: date, zone: tzinfo) -> Mapping[str, Calendar]:
    """The year up to a day of the jobs of a scope."""
    first = last - timedelta(weeks=WEEKS - 1, days=last.weekday())
    since, until = midnight_of(first, zone), midnight_of(last + DAY, zone)
    found: dict[str, dict[date, Mapping[str, int]]] = {name: {} for name in scope.jobs or ()}
    for day, row in _by_day(view, replace(scope, since=since, until=until), zone):
        found[row.job][day] = row.verdicts
    return found
