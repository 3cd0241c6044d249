"""Counts what was expected in a window, and the results: by job, and if asked, by day."""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import Final, TypeVar

from engine.answers.combinations import has_values, narrowed
from engine.answers.days import DayRange, LocalDays
from engine.answers.expected import INSTANT, Item, gap_within, item_of, window_of
from engine.answers.medians import Lengths
from engine.answers.overdue import (
    NOT_WELL,
    OPEN,
    OVERDUE,
    is_overdue,
    overdue_fires,
    overdue_runs,
    verdict_word,
)
from engine.answers.presence import Presence
from engine.answers.shared_fires import SharedFires
from engine.core.lifecycle import Run, RunState
from engine.core.occurrences import newest_of_each
from engine.core.records import Gap, Schedule, StateCount
from engine.core.vocabulary import combination_text
from engine.ledger.ports import View
from jobfile.model.dataclass import dataclass

One = TypeVar("One", Gap, Run, Schedule)

FIXED: Final = "fixed_by_hand"
"""The verdict of a run that did not succeed, but whose manual retry did."""
ATTENTION: Final = tuple(state for state in RunState if state in NOT_WELL)
"""The states of runs that need attention."""
FEW: Final = 200
"""Maximum number of jobs of which the ledger is asked one by one."""

Cell = tuple[str, date | None]
"""A job and a day; the day is None where nothing is counted by day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What is counted: the window [since, until), its jobs, and the combinations of their matrices."""

    since: datetime
    until: datetime
    now: datetime
    presence: Presence
    jobs: Collection[str] | None = None
    """None for all."""
    matrix: Mapping[str, str] = field(default_factory=dict)
    """Only combinations with these values; a run without a matrix is then left out."""

    @property
    def due(self) -> datetime:
        """The end of what is due by now."""
        return min(self.until, self.now + INSTANT)

    def has(self, job: str) -> bool:
        """Whether a job is counted."""
        return self.jobs is None or job in self.jobs


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Numbers by job and day: `scheduled` is counted from the schedules, `verdicts` from the records."""

    scheduled: Counter[Cell] = field(default_factory=Counter)
    requested: Counter[Cell] = field(default_factory=Counter)
    verdicts: defaultdict[Cell, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    failing: defaultdict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    """How often each combination of a matrix needs attention, by job."""
    durations: Lengths = field(default_factory=Lengths)
    """How long the runs took that succeeded, if that is measured."""
    lateness: Lengths = field(default_factory=Lengths)
    """How late the runs of schedules started."""
    unsettled: list[str] = field(default_factory=list)
    """The ids of the open runs whose process is gone and whose end no engine has recorded."""

    def note(self, job: str, duration: int | None, lateness: int | None) -> None:
        """Note how long a run took, and how late it started, in microseconds."""
        if duration is not None:
            self.durations.add(job, duration)
        if lateness is not None:
            self.lateness.add(job, lateness)


def count_expected(view: View, scope: Scope, *, days: LocalDays | None = None) -> Counts:
    """Count what was expected and was due by now, and the results; by day only for named jobs."""
    counts = Counts()
    day_of = _no_day if days is None else days.day_of
    _count_runs(view, scope, counts, days)
    _count_gaps(view, scope, counts, day_of)
    replaced = _count_once(view, scope, counts, day_of)
    for run in overdue_runs(view, scope.presence, scope.now):
        if _is_counted(run, scope) and run.id not in replaced and not run.occurrence:
            _move(counts.verdicts[run.job, day_of(run.scheduled_for)], OPEN, OVERDUE)
    _count_matrices(view, scope, counts, day_of)
    _count_fires(view, scope, counts, day_of)
    counts.unsettled.extend(
        run.id
        for run in view.open_runs()
        if _is_counted(run, scope) and run.id in scope.presence.fates and run.id not in replaced
    )
    return counts


_DayOf = Callable[[datetime], date | None]


def _no_day(_: datetime) -> None:
    return None


def of_jobs(scope: Scope, ask: Callable[[str | None], Iterable[One]]) -> Iterator[One]:
    """The records of the jobs that are counted: with few jobs, those of each, else those of all."""
    if scope.jobs is None or len(scope.jobs) > FEW:
        yield from (one for one in ask(None) if scope.has(one.job))
        return
    for job in sorted(scope.jobs):
        yield from ask(job)


def _is_counted(run: Run, scope: Scope) -> bool:
    is_in = scope.since <= run.scheduled_for < scope.due and scope.has(run.job)
    return is_in and has_values(run.matrix, scope.matrix)


def _count_runs(view: View, scope: Scope, counts: Counts, days: LocalDays | None) -> None:
    """Count the runs without a matrix. They do not count if combinations are chosen."""
    for one, day in _counted_runs(view, scope, days):
        cell = one.job, day
        if scope.matrix:
            counts.scheduled[cell] -= one.count if one.is_scheduled else 0
            continue
        counts.verdicts[cell][verdict_word(one.state)] += one.count
        counts.requested[cell] += 0 if one.is_scheduled else one.count


def _counted_runs(
    view: View, scope: Scope, days: LocalDays | None
) -> Iterator[tuple[StateCount, date | None]]:
    since, due = scope.since, scope.due
    if scope.jobs is None:
        assert days is None, "only the runs of named jobs are counted by day"
        yield from ((one, None) for one in view.count_runs(since=since, until=due))
    elif days is None:
        one_day = DayRange(0, since, due, since, due - since)
        yield from ((one, None) for one in _of_days(view, scope.jobs, one_day))
    else:
        for part in days.ranges():
            for one in _of_days(view, scope.jobs, part):
                yield one, days.dates[part.first + one.day]


def _of_days(view: View, jobs: Collection[str], part: DayRange) -> Sequence[StateCount]:
    return view.totals.count_runs_of(
        jobs, since=part.since, until=part.until, midnight=part.midnight, day=part.length
    )


def _count_gaps(view: View, scope: Scope, counts: Counts, day_of: _DayOf) -> None:
    since, until = scope.since, scope.until
    for gap in of_jobs(scope, lambda job: view.gaps_between(job, since=since, until=until)):
        inside = gap_within(gap, since=since, until=until)
        if inside is None:
            continue
        by_day = Counter({day_of(inside.first_at): inside.count})
        if day_of(inside.first_at) != day_of(inside.last_at):
            by_day = _instants_by_day(inside, day_of)
        for day, count in by_day.items():
            counts.verdicts[gap.job, day][gap.state.value] += count


def _instants_by_day(gap: Gap, day_of: _DayOf) -> Counter[date | None]:
    from jobfile.schedule.occurrences import fires  # noqa: PLC0415  start-up time: only where instants are computed

    found = fires(gap.entries, after=gap.first_at - INSTANT, until=gap.last_at)
    by_day = Counter(day_of(fire.at) for fire in found)
    by_day[day_of(gap.first_at)] += (
        gap.count - by_day.total()
    )  # adds 0, unless the rules of the zone have changed since
    return by_day


def _count_matrices(view: View, scope: Scope, counts: Counts, day_of: _DayOf) -> None:
    """Count each occurrence of a job with a matrix once."""
    for runs in _occurrences(view, scope):
        first = item_of(*(run for run in runs if run.retry_of is None))
        job, cell = runs[0].job, (runs[0].job, day_of(first.scheduled_for))
        chosen, last = narrowed(first, scope.matrix), narrowed(item_of(*newest_of_each(runs)), scope.matrix)
        if chosen is None or last is None:
            counts.scheduled[cell] -= first.is_scheduled
            continue
        counts.verdicts[cell][_matrix_verdict(chosen, last, scope)] += 1
        counts.requested[cell] += not first.is_scheduled
        counts.failing[job].update(
            combination_text(run.matrix) for run in last.runs if run.verdict in ATTENTION
        )
        if scope.matrix:
            _measure(last, counts)


def _occurrences(view: View, scope: Scope) -> Iterator[list[Run]]:
    """The runs of each occurrence of a job with a matrix, with their manual retries.

    The runs of an occurrence have one nominal time, and are read in the order of their times: so only those
    of one time are in memory.
    """
    found = of_jobs(scope, lambda job: view.matrix_runs(job, since=scope.since, until=scope.due))
    for _, at_once in groupby(found, key=lambda run: run.scheduled_for):
        by_occurrence: dict[str, list[Run]] = defaultdict(list)
        for run in at_once:
            by_occurrence[run.occurrence].append(run)
        yield from by_occurrence.values()


def _matrix_verdict(first: Item, last: Item, scope: Scope) -> str:
    if is_overdue(last, scope.presence, scope.now):
        return OVERDUE
    is_fixed = last.state is RunState.SUCCEEDED and first.state is not RunState.SUCCEEDED
    return FIXED if is_fixed else verdict_word(last.state)


def _measure(item: Item, counts: Counts) -> None:
    """Note how long the chosen combinations of an occurrence took, and how late they started."""
    for run in item.runs:
        if run.started_at is None:
            continue
        ended_at = run.ended_at if run.state is RunState.SUCCEEDED else None
        duration = None if ended_at is None else _microseconds(run.started_at, ended_at)
        is_scheduled = run.schedule_key is not None and run.retry_of is None
        counts.note(
            run.job, duration, _microseconds(run.not_before, run.started_at) if is_scheduled else None
        )


def _microseconds(begin: datetime, end: datetime) -> int:
    return max((end - begin) // timedelta.resolution, 0)


def _count_once(view: View, scope: Scope, counts: Counts, day_of: _DayOf) -> set[str]:
    """Count a retried run once, with its last end; return the runs that no longer count themselves."""
    found = view.retries_between(since=scope.since, until=scope.due)
    retries = [run for run in found if not run.occurrence and _is_counted(run, scope)]
    replaced: set[str] = set()
    by_id = {run.id: run for run in retries}
    newest = {run.retry_of: run for run in retries}  # the last of several wins, as in every answer
    for run in retries:
        cell = run.job, day_of(run.scheduled_for)
        counts.requested[cell] -= 1
        counts.verdicts[cell][verdict_word(run.verdict)] -= 1
    for first in (newest_of for newest_of in newest if newest_of not in by_id):
        root = view.run(first) if first is not None else None
        if root is None:
            continue
        last = root
        while last.id in newest:
            replaced.add(last.id)
            last = newest[last.id]
        is_fixed = last.verdict is RunState.SUCCEEDED and root.verdict is not RunState.SUCCEEDED
        after = FIXED if is_fixed else verdict_word(last.verdict)
        _move(counts.verdicts[root.job, day_of(root.scheduled_for)], verdict_word(root.verdict), after)
    return replaced | {run.id for run in retries if run is not newest[run.retry_of]}


def _count_fires(view: View, scope: Scope, counts: Counts, day_of: _DayOf) -> None:
    """Count the occurrences of schedules in a window; undecided ones get a verdict here."""
    shared = SharedFires()
    for schedule in of_jobs(
        scope, lambda job: view.schedules_between(job, since=scope.since, until=scope.until)
    ):
        after, end = window_of(schedule, since=scope.since, until=scope.due)
        for fire in shared.between(schedule.entries, after=after, until=end):
            cell = schedule.job, day_of(fire.at)
            counts.scheduled[cell] += 1
            if fire.at > schedule.covered_until:
                counts.verdicts[cell][OPEN] += 1
        for fire in overdue_fires(view, schedule, shared, after=after, now=scope.now):
            if fire.at > end:
                break
            _move(counts.verdicts[schedule.job, day_of(fire.at)], OPEN, OVERDUE)


def _move(verdicts: Counter[str], before: str, after: str) -> None:
    verdicts[before] -= 1
    verdicts[after] += 1
