"""Answers of `report`.

For any window, expected = the sum of the verdicts: both sides are counted and compared.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import field, replace
from datetime import UTC, datetime, tzinfo

from engine.answers.as_json import iso
from engine.answers.expected import INSTANT, Item, gap_within, item_of, window_of
from engine.answers.lateness import late_jobs
from engine.answers.overdue import OPEN, OVERDUE, is_overdue, overdue_fires, overdue_runs, verdict_word
from engine.answers.presence import Presence
from engine.core.lifecycle import Run, RunState
from engine.core.occurrences import newest_of_each
from engine.core.records import Schedule
from engine.core.vocabulary import combination_text
from engine.ledger.ports import View
from jobfile.model.dataclass import dataclass

FIXED = "fixed_by_hand"
"""The verdict of a run that did not succeed, but whose manual retry did."""

VERDICTS = (
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
NOT_WELL = ("failed", "timed_out", "lost", "missed", OVERDUE)
"""Verdicts that need attention. A skip is the author's decision, and a cancel a user's."""
_ATTENTION = tuple(state for state in RunState if state in NOT_WELL)


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
    def adds_up(self) -> bool:
        """Whether each expected run has exactly one verdict."""
        return self.expected == sum(self.verdicts.values())

    @property
    def is_well(self) -> bool:
        """Whether nothing that was expected needs attention."""
        return not any(self.verdicts.get(verdict) for verdict in NOT_WELL)


@dataclass(frozen=True, slots=True, kw_only=True)
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

    @property
    def is_well(self) -> bool:
        """Whether nothing needs attention. Unsettled runs do: without an engine they stay open."""
        return self.total.is_well and not self.unsettled and not self.late

    @property
    def wrong(self) -> tuple[str, ...]:
        """The jobs whose sum does not add up."""
        return tuple(row.job for row in self.rows if not row.adds_up)

    @property
    def total(self) -> Row:
        """The sum of all jobs."""
        verdicts: Counter[str] = Counter()
        for row in self.rows:
            verdicts.update(row.verdicts)
        return Row(
            job="",
            scheduled=sum(row.scheduled for row in self.rows),
            requested=sum(row.requested for row in self.rows),
            verdicts=dict(verdicts),
        )


def make_report(
    view: View,
    *,
    since: datetime,
    until: datetime,
    now: datetime,
    presence: Presence,
    jobs: Collection[str] | None = None,
    zone: tzinfo = UTC,
) -> Report:
    """Count what was expected in [since, until) and due by `now`, and the results; for some jobs or all."""
    with view.soundness.snapshot():  # both sides of one moment: an engine may write meanwhile
        found = _report(view, since=since, until=until, now=now, presence=presence, jobs=jobs)
        late = late_jobs(view, presence, now=now) if until >= now else {}
    late = {job: words for job, words in late.items() if jobs is None or job in jobs}
    return replace(found, zone=zone, late=late)


def _report(
    view: View,
    *,
    since: datetime,
    until: datetime,
    now: datetime,
    presence: Presence,
    jobs: Collection[str] | None,
) -> Report:
    due = min(until, now + INSTANT)
    verdicts: dict[str, Counter[str]] = defaultdict(Counter)
    requested: Counter[str] = Counter()
    for one in view.count_runs(since=since, until=due, jobs=jobs):
        verdicts[one.job][verdict_word(one.state)] += one.count
        if not one.is_scheduled:
            requested[one.job] += one.count
    for gap in view.gaps_between(None, since=since, until=until):
        inside = gap_within(gap, since=since, until=until)
        verdicts[gap.job][gap.state.value] += 0 if inside is None else inside.count
    replaced = _count_once(view.retries_between(since=since, until=due), view, verdicts, requested)
    for run in overdue_runs(view, presence, now):
        if since <= run.scheduled_for < due and run.id not in replaced and not run.occurrence:
            _move(verdicts[run.job], OPEN, OVERDUE)
    failing: dict[str, Counter[str]] = defaultdict(Counter)
    for first, last in _of_matrices(view, since=since, until=due):
        job = last.runs[0].job
        verdicts[job][_matrix_verdict(first, last, presence, now)] += 1
        requested[job] += not first.is_scheduled
        failing[job].update(combination_text(run.matrix) for run in last.runs if run.verdict in _ATTENTION)
    scheduled: Counter[str] = Counter()
    for schedule in view.schedules_between(None, since=since, until=until):
        if jobs is not None and schedule.job not in jobs:
            continue
        scheduled[schedule.job] += _count_fires(
            view, schedule, verdicts[schedule.job], since=since, until=due, now=now
        )
    known = {*scheduled, *requested, *verdicts, *(job.job for job in view.jobs_in_force())}
    names = sorted(known if jobs is None else known & set(jobs))
    rows = (
        Row(
            job=name,
            scheduled=scheduled[name],
            requested=requested[name],
            verdicts=dict(+verdicts[name]),
            failing=dict(failing[name]),
        )
        for name in names
    )
    unsettled = sum(
        since <= run.scheduled_for < due and run.id in presence.fates and run.id not in replaced
        for run in view.open_runs()
        if jobs is None or run.job in jobs
    )
    return Report(since=since, until=until, rows=tuple(rows), presence=presence, unsettled=unsettled)


def _of_matrices(view: View, *, since: datetime, until: datetime) -> Iterator[tuple[Item, Item]]:
    """The occurrences of jobs with a matrix: each as it first ended, and with its manual retries."""
    by_occurrence: dict[str, list[Run]] = defaultdict(list)
    for run in view.matrix_runs(since=since, until=until):
        by_occurrence[run.occurrence].append(run)
    for runs in by_occurrence.values():
        yield item_of(*(run for run in runs if run.retry_of is None)), item_of(*newest_of_each(runs))


def _matrix_verdict(first: Item, last: Item, presence: Presence, now: datetime) -> str:
    if is_overdue(last, presence, now):
        return OVERDUE
    is_fixed = last.state is RunState.SUCCEEDED and first.state is not RunState.SUCCEEDED
    return FIXED if is_fixed else verdict_word(last.state)


def _count_once(
    retries: Sequence[Run], view: View, verdicts: Mapping[str, Counter[str]], requested: Counter[str]
) -> set[str]:
    """Count a retried run once, with its last end; return the runs that no longer count themselves."""
    retries = [run for run in retries if not run.occurrence]
    replaced: set[str] = set()
    by_id = {run.id: run for run in retries}
    newest = {run.retry_of: run for run in retries}  # the last of several wins, as in every answer
    for run in retries:
        requested[run.job] -= 1
        verdicts[run.job][verdict_word(run.verdict)] -= 1
    for first in (newest_of for newest_of in newest if newest_of not in by_id):
        root = view.run(first) if first is not None else None
        if root is None:
            continue
        last = root
        while last.id in newest:
            replaced.add(last.id)
            last = newest[last.id]
        is_fixed = last.verdict is RunState.SUCCEEDED and root.verdict is not RunState.SUCCEEDED
        _move(
            verdicts[root.job], verdict_word(root.verdict), FIXED if is_fixed else verdict_word(last.verdict)
        )
    return replaced | {run.id for run in retries if run is not newest[run.retry_of]}


def _count_fires(
    view: View, schedule: Schedule, verdicts: Counter[str], *, since: datetime, until: datetime, now: datetime
) -> int:
    """The occurrences of a schedule in a window; undecided ones get a verdict here."""
    from jobfile.schedule.occurrences import fires  # noqa: PLC0415  start-up time: only where instants are computed

    after, end = window_of(schedule, since=since, until=until)
    count = 0
    for fire in fires(schedule.entries, after=after, until=end):
        count += 1
        if fire.at > schedule.covered_until:
            verdicts[OPEN] += 1
    for fire in overdue_fires(view, schedule, after=after, now=now):
        if fire.at > end:
            break
        _move(verdicts, OPEN, OVERDUE)
    return count


def _move(verdicts: Counter[str], before: str, after: str) -> None:
    verdicts[before] -= 1
    verdicts[after] += 1


def report_to_json(report: Report) -> dict[str, object]:
    """The report as plain data: every verdict has a number, in total and per job."""
    return {
        "format": 1,
        "since": report.since.isoformat(),
        "until": report.until.isoformat(),
        "adds_up": not report.wrong,
        "engine": {
            "running": report.presence.is_running,
            "since": iso(report.presence.since),
            "trouble": report.presence.trouble or None,
        },
        "unsettled": report.unsettled,
        "late": [{"job": job, "words": list(words)} for job, words in report.late.items()],
        **_numbers(report.total),
        "jobs": [{"job": row.job, **_numbers(row), "combinations": dict(row.failing)} for row in report.rows],
    }


def _numbers(row: Row) -> dict[str, int]:
    numbers = {"expected": row.expected, "scheduled": row.scheduled, "requested": row.requested}
    return numbers | {verdict: row.verdicts.get(verdict, 0) for verdict in VERDICTS}
