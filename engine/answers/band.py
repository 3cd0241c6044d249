"""What was expected in a window, by time: each occurrence, or counts if there are too many occurrences.

The counts of all slots together are those of the report for the same window.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, TypeVar

from engine.answers.expected import (
    INSTANT,
    Item,
    Records,
    gap_within,
    item_of,
    items_from,
    pause_at,
    window_of,
)
from engine.answers.overdue import OPEN, OVERDUE, is_overdue, overdue_fires, overdue_runs, verdict_word
from engine.answers.presence import Presence
from engine.answers.shared_fires import SharedFires
from engine.core.lifecycle import Run
from engine.core.occurrences import newest_of_each
from engine.core.records import Gap, Pause, Schedule
from engine.ledger.ports import View
from jobfile.model.dataclass import dataclass
from jobfile.model.namedtuple import NamedTuple

One = TypeVar("One", Gap, Pause, Run, Schedule)

COMING: Final = "to come"
"""The word, in slots and marks, for an occurrence that is not yet due."""
MAX_MARKS: Final = 600
"""Maximum number of occurrences that are placed one by one."""
MAX_RUNS: Final = 5_000
"""Maximum number of runs that are read for them: an occurrence may have several."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """A window [since, until) in slots of equal length, and whose occurrences are counted in it."""

    since: datetime
    until: datetime
    length: timedelta
    now: datetime
    presence: Presence
    jobs: Collection[str] | None = None
    """None for all."""

    @property
    def due(self) -> datetime:
        """The end of what is due by now."""
        return min(self.until, self.now + INSTANT)

    @property
    def slots(self) -> int:
        """The number of slots; the last one may be shorter."""
        return -(-(self.until - self.since) // self.length)

    def slot_of(self, at: datetime) -> int:
        """The slot of an instant of the window."""
        return (at - self.since) // self.length

    def has(self, job: str) -> bool:
        """Whether a job is counted."""
        return self.jobs is None or job in self.jobs

    def holds(self, at: datetime) -> bool:
        """Whether an instant is in the window and due."""
        return self.since <= at < self.due


class Placed(NamedTuple):
    """One occurrence."""

    job: str
    at: datetime
    state: str
    """Its state, or that it is overdue, or to come."""
    run: Run | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """The occurrences of a window."""

    stretch: Stretch
    slots: tuple[Mapping[str, int], ...]
    """For each slot, how many occurrences have each verdict."""
    placed: tuple[Placed, ...]
    """Each occurrence, in the order of time; empty if there are too many."""

    @property
    def total(self) -> Counter[str]:
        """How many occurrences have each verdict."""
        total: Counter[str] = Counter()
        for slot in self.slots:
            total.update(slot)
        return total


def make_band(view: View, stretch: Stretch) -> Band:
    """Place what was expected in a window, and what is still to come in it."""
    with view.soundness.snapshot():  # all of one moment: an engine may write meanwhile
        slots: list[Counter[str]] = [Counter() for _ in range(stretch.slots)]
        _count_records(view, stretch, slots)
        schedules = _of(stretch, view.schedules_between(None, since=stretch.since, until=stretch.until))
        shared = SharedFires()
        for schedule in schedules:
            _count_fires(view, schedule, shared, stretch, slots)
        coming = list(_coming(view, schedules, shared, stretch, slots))
        total = sum(slot.total() for slot in slots)
        placed = _placed(view, schedules, stretch) if total <= MAX_MARKS else []
        if placed or not (total - len(coming)):
            placed = sorted([*placed, *coming], key=lambda one: (one.at, one.job))[:MAX_MARKS]
    return Band(stretch=stretch, slots=tuple(dict(+slot) for slot in slots), placed=tuple(placed))


def _of(stretch: Stretch, schedules: Sequence[Schedule]) -> list[Schedule]:
    return [one for one in schedules if stretch.has(one.job)]


def _count_records(view: View, stretch: Stretch, slots: list[Counter[str]]) -> None:
    """Count what the ledger has recorded; a retried run once, with its last end."""
    since, due = stretch.since, stretch.due
    if due <= since:
        return
    for one in view.slots.of_all(stretch.jobs, since=since, until=due, length=stretch.length):
        slots[one.slot][verdict_word(one.state)] += one.number
    for gap in view.gaps_between(None, since=since, until=stretch.until):
        if stretch.has(gap.job):
            _count_gap(gap, stretch, slots)
    replaced = _count_retries(view, stretch, slots)
    for run in overdue_runs(view, stretch.presence, stretch.now):
        is_counted = stretch.holds(run.scheduled_for) and stretch.has(run.job)
        if is_counted and run.id not in replaced and not run.occurrence:
            _move(slots[stretch.slot_of(run.scheduled_for)], OPEN, OVERDUE)
    occurrences: dict[str, list[Run]] = defaultdict(list)
    for run in view.matrix_runs(None, since=since, until=due):
        if stretch.has(run.job):
            occurrences[run.occurrence].append(run)
    for runs in occurrences.values():
        item = item_of(*newest_of_each(runs))
        slots[stretch.slot_of(item.scheduled_for)][_verdict(item, stretch)] += 1


def _verdict(item: Item, stretch: Stretch) -> str:
    return OVERDUE if is_overdue(item, stretch.presence, stretch.now) else verdict_word(item.state)


def _count_gap(gap: Gap, stretch: Stretch, slots: list[Counter[str]]) -> None:
    from jobfile.schedule.occurrences import fires  # noqa: PLC0415  start-up time: only where instants are computed

    inside = gap_within(gap, since=stretch.since, until=stretch.until)
    if inside is None:
        return
    first, last = stretch.slot_of(inside.first_at), stretch.slot_of(inside.last_at)
    left = inside.count
    if first != last:
        for fire in fires(gap.entries, after=inside.first_at, until=inside.last_at):
            slots[stretch.slot_of(fire.at)][gap.state.value] += 1
            left -= 1
    slots[first][gap.state.value] += left


def _count_retries(view: View, stretch: Stretch, slots: list[Counter[str]]) -> set[str]:
    """Give retried runs the verdict of their last retry; return the runs that no longer count."""
    again = _again(view, stretch)
    of_one = {run_id: run for run_id, run in again.items() if not run.occurrence}
    retries = {run.id for run in of_one.values()}
    replaced = set(of_one)
    for first in of_one.keys() - retries:
        root = view.run(first)
        if root is None or not stretch.holds(root.scheduled_for) or not stretch.has(root.job):
            continue
        last = _last(root, of_one)
        slot = slots[stretch.slot_of(root.scheduled_for)]
        _move(slot, verdict_word(root.verdict), verdict_word(last.verdict))
    return replaced


def _again(view: View, stretch: Stretch) -> dict[str, Run]:
    """The last manual retry of each retried run, by the id of that."""
    found = view.retries_between(since=stretch.since, until=stretch.due)
    return {run.retry_of: run for run in found if run.retry_of is not None}


def _last(run: Run, again: Mapping[str, Run]) -> Run:
    while run.id in again:
        run = again[run.id]
    return run


def _move(slot: Counter[str], before: str, after: str) -> None:
    slot[before] -= 1
    slot[after] += 1


def _count_fires(
    view: View, schedule: Schedule, shared: SharedFires, stretch: Stretch, slots: list[Counter[str]]
) -> None:
    """Count the occurrences of a schedule that no engine has decided about."""
    after, end = window_of(schedule, since=stretch.since, until=stretch.due)
    for fire in shared.between(schedule.entries, after=max(after, schedule.covered_until), until=end):
        slots[stretch.slot_of(fire.at)][OPEN] += 1
    for fire in overdue_fires(view, schedule, shared, after=after, now=stretch.now):
        if fire.at > end:
            break
        _move(slots[stretch.slot_of(fire.at)], OPEN, OVERDUE)


def _coming(
    view: View,
    schedules: Sequence[Schedule],
    shared: SharedFires,
    stretch: Stretch,
    slots: list[Counter[str]],
) -> Iterator[Placed]:
    """Count what is still to come, and give the first occurrences of that; a pause prevents some."""
    begin = max(stretch.since, stretch.now + INSTANT)
    if begin >= stretch.until:
        return
    pauses = _by_job(view.pauses_between(None, since=begin, until=stretch.until))
    given = 0
    for schedule in schedules:
        if schedule.active_until is not None:
            continue
        after = max(begin - INSTANT, schedule.active_from)
        for fire in shared.between(schedule.entries, after=after, until=stretch.until - INSTANT):
            if pause_at(pauses[schedule.job], fire.at) is not None:
                continue
            slots[stretch.slot_of(fire.at)][COMING] += 1
            given += 1
            if given <= MAX_MARKS:
                yield Placed(schedule.job, fire.at, COMING)


def _placed(view: View, schedules: Sequence[Schedule], stretch: Stretch) -> list[Placed]:
    """Every occurrence that is due; none if more runs would have to be read than is sensible."""
    since, due = stretch.since, stretch.due
    if due <= since:
        return []
    runs = view.runs_in(since=since, until=due, jobs=stretch.jobs, state=None, limit=MAX_RUNS + 1)
    if len(runs) > MAX_RUNS:
        return []
    runs_of, schedules_of = _by_job(runs), _by_job(schedules)
    gaps_of = _by_job(view.gaps_between(None, since=since, until=stretch.until))
    pauses_of = _by_job(view.pauses_between(None, since=since, until=stretch.until))
    again, found = _again(view, stretch), []
    for job in runs_of.keys() | schedules_of.keys():
        records = Records(runs_of[job], gaps_of[job], pauses_of[job], schedules_of[job])
        for item in items_from(records, since=since, until=due, now=stretch.now):
            if item.run is None or item.run.retry_of is None:
                found.append(_place(job, item, again, stretch))
    return found


def _by_job(records: Iterable[One]) -> defaultdict[str, list[One]]:
    found: defaultdict[str, list[One]] = defaultdict(list)
    for one in records:
        found[one.job].append(one)
    return found


def _place(job: str, item: Item, again: Mapping[str, Run], stretch: Stretch) -> Placed:
    last = item_of(*(_last(run, again) for run in item.runs)) if item.runs else item
    is_late = is_overdue(last, stretch.presence, stretch.now)
    return Placed(job, item.scheduled_for, OVERDUE if is_late else last.state.value, last.run)
