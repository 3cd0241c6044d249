"""Compares the future runs of two versions of a job: gained, lost and moved runs, and the next runs."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from fractions import Fraction
from itertools import islice, zip_longest
from typing import Final

from jobfile.model.jobs import AtEntry, EveryEntry, JobSpec
from jobfile.model.namedtuple import NamedTuple
from jobfile.plan.rates import runs_a_day
from jobfile.plan.values import DAYS, EFFECT_DAYS, Row, Runs, Start
from jobfile.schedule.occurrences import clock_effects, fires, spread_delay

NEXT_SHOWN: Final = 4
MAX_COMPARED: Final = 50_000
"""Maximum runs of a job that are compared one by one: enough for one a minute in thirty days."""
MAX_SEARCHED: Final = 10_000
"""Maximum runs of a side that are searched for a first difference after the thirty days."""
SEARCH_DAYS: Final = 10 * 366
"""How far ahead rare runs and first differences are searched; 29 February is at most eight years away."""


class _Compared(NamedTuple):
    """The runs that differ between two lists."""

    moved: tuple[tuple[Start, Start], ...]
    lost: tuple[Start, ...]
    gained: tuple[Start, ...]


def starts_of(job: JobSpec | None, *, after: datetime, until: datetime) -> Iterator[Start]:
    """The runs of a job's schedule in (after, until], ordered by the instants they are for."""
    if job is None or not job.enabled or not job.schedule:
        return
    delays = [spread_delay(entry.spread, job.name) for entry in job.schedule]
    for fire in fires(job.schedule, after=after, until=until):
        yield Start(fire.at, fire.at + delays[fire.entry])


def count_starts(job: JobSpec | None, *, after: datetime, until: datetime) -> int:
    """The number of runs of the schedule in (after, until]."""
    if job is None or not job.enabled or not job.schedule:
        return 0
    first = job.schedule[0]
    is_simple = isinstance(first, EveryEntry) and first.from_day is first.until_day is None
    if is_simple and len(job.schedule) == 1:
        assert isinstance(first, EveryEntry)
        epoch = datetime.fromtimestamp(0, tz=after.tzinfo)
        return max(0, (until - epoch) // first.every - (after - epoch) // first.every)
    return sum(1 for _ in fires(job.schedule, after=after, until=until))


def compare_runs(before: JobSpec | None, after: JobSpec | None, *, now: datetime) -> Runs:
    """What happens to the runs of the next thirty days when one version of a job replaces another."""
    end = now + timedelta(days=DAYS)
    if before is not None and after is not None and _starts_alike(before, after):
        return _same_runs(after, now, end)
    old, new = (list(islice(_all(job, now, end), MAX_COMPARED)) for job in (before, after))
    until = min([end, *(starts[-1].at for starts in (old, new) if len(starts) == MAX_COMPARED)])
    nexts = [tuple(_nearest(job, starts, now)) for job, starts in ((before, old), (after, new))]
    counts = [count_starts(job, after=now, until=end) for job in (before, after)]
    old, new = ([one for one in starts if one.at <= until] for starts in (old, new))
    rates = [runs_a_day(job) for job in (before, after)]
    distance = _usual_distance(max(rates), (before, after)) or (until - now) / max(1, len(old), len(new))
    found = _pair(_only(old, new), _only(new, old), distance)
    is_rare = min(len(old), len(new)) < NEXT_SHOWN
    rows, left_out = _rows(*_until_same(*nexts), distance) if is_rare else _rows_of(old, new, found)
    runs = Runs(
        compared_until=until,
        next_before=nexts[0],
        next_after=nexts[1],
        count_before=counts[0],
        count_after=counts[1],
        gained=found.gained,
        lost=found.lost,
        moved=found.moved,
        rows=rows,
        rows_left_out=left_out,
        usual_distance=distance,
        rate_before=rates[0],
        rate_after=rates[1],
    )
    is_open = before is not None and after is not None and before.schedule != after.schedule
    return replace(runs, first_difference=_later(before, after, until)) if is_open and runs.is_same else runs


def _starts_alike(before: JobSpec, after: JobSpec) -> bool:
    """Whether two versions surely have the same runs: a spread depends on the name of the job."""
    has_spread = any(entry.spread for entry in before.schedule)
    is_named_alike = before.name == after.name or not has_spread
    return is_named_alike and (before.schedule, before.enabled) == (after.schedule, after.enabled)


def _same_runs(job: JobSpec, now: datetime, end: datetime) -> Runs:
    """The runs of a job whose schedule stays: most jobs of a plan, so nothing is compared one by one."""
    nexts = tuple(_nearest(job, tuple(islice(_all(job, now, end), NEXT_SHOWN)), now))
    count, rate = count_starts(job, after=now, until=end), runs_a_day(job)
    return Runs(
        compared_until=end,
        next_before=nexts,
        next_after=nexts,
        count_before=count,
        count_after=count,
        rows=tuple(Row(one, one) for one in nexts),
        usual_distance=_usual_distance(rate, (job,)) or (end - now) / max(1, count),
        rate_before=rate,
        rate_after=rate,
    )


def _rows(old: Sequence[Start], new: Sequence[Start], distance: timedelta) -> tuple[tuple[Row, ...], int]:
    return _rows_of(old, new, _pair(_only(old, new), _only(new, old), distance))


def _rows_of(old: Sequence[Start], new: Sequence[Start], found: _Compared) -> tuple[tuple[Row, ...], int]:
    """The next runs of both sides, each beside its counterpart; and the number of equal ones left out.

    Every list is in order of time, so the beginning of each is enough.
    """
    changed = [Row(one, other) for one, other in found.moved[:NEXT_SHOWN]]
    changed += [Row(one, None) for one in found.lost[:NEXT_SHOWN]]
    changed += [Row(None, one) for one in found.gained[:NEXT_SHOWN]]
    changed.sort(key=lambda row: row.at)
    there = set(new)
    same = [Row(one, one) for one in old if one in there]
    count = bisect_left(same, changed[0].at, key=lambda row: row.at) if changed else 0
    if count > NEXT_SHOWN - 1:
        return (same[0], *changed[: NEXT_SHOWN - 1]), count - 1
    rows = sorted([*changed, *same[:NEXT_SHOWN]], key=lambda row: row.at)
    return tuple(rows[:NEXT_SHOWN]), 0


def _until_same(old: Sequence[Start], new: Sequence[Start]) -> tuple[list[Start], list[Start]]:
    """Two lists of next runs, up to the instant until which both are complete."""
    ends = [starts[-1].at for starts in (old, new) if len(starts) == NEXT_SHOWN]
    return tuple([one for one in starts if not ends or one.at <= min(ends)] for starts in (old, new))  # type: ignore[return-value]  # two of them


def _later(before: JobSpec | None, after: JobSpec | None, since: datetime) -> Row | None:
    """The first run after an instant that differs between the sides; None if none is near enough."""
    until = since + timedelta(days=SEARCH_DAYS)
    sides = [islice(starts_of(job, after=since, until=until), MAX_SEARCHED) for job in (before, after)]
    for old, new in zip_longest(*sides):
        if old != new:
            if old is None or new is None or old.at == new.at:
                return Row(old, new)
            return Row(old, None) if old.at < new.at else Row(None, new)
    return None


def _usual_distance(rate: Fraction, jobs: Sequence[JobSpec | None]) -> timedelta | None:
    """The mean time between runs; None if a job has instants in `at`."""
    entries = [entry for job in jobs if job is not None for entry in job.schedule]
    if not rate or any(isinstance(entry, AtEntry) for entry in entries):
        return None
    return timedelta(seconds=float(86_400 / rate))


def effects_of(before: JobSpec | None, after: JobSpec | None, *, now: datetime) -> tuple[str, ...]:
    """How clock changes in the next year affect entries that are new."""
    known = () if before is None else before.schedule
    if after is None or not after.enabled:
        return ()
    found = {
        (effect.date, entry.timezone, effect.note): None
        for entry in after.schedule
        if entry not in known
        for effect in clock_effects(entry, after=now, days=EFFECT_DAYS)
    }
    return tuple(f"{note} in {zone}" for _, zone, note in sorted(found))


def _all(job: JobSpec | None, now: datetime, end: datetime) -> Iterator[Start]:
    return starts_of(job, after=now, until=end)


def _nearest(job: JobSpec | None, starts: Sequence[Start], now: datetime) -> Iterator[Start]:
    """The next few runs: of the thirty days, else of a year, else one of the ten years after it."""
    if len(starts) >= NEXT_SHOWN or job is None:
        yield from starts[:NEXT_SHOWN]
        return
    far = now + timedelta(days=EFFECT_DAYS)
    found = list(islice(starts_of(job, after=now, until=far), NEXT_SHOWN))
    if not found:
        found = list(islice(starts_of(job, after=far, until=far + timedelta(days=SEARCH_DAYS)), 1))
    yield from found


def _only(starts: Sequence[Start], others: Sequence[Start]) -> list[Start]:
    there = set(others)
    return [one for one in starts if one not in there]


def _pair(gone: Sequence[Start], come: Sequence[Start], distance: timedelta) -> _Compared:
    """The moved, the lost and the gained runs.

    In order of time. A lost and a gained run are one moved run if they are no further apart than runs usually
    are. Both sides are treated the same, so that the reverse plan is the exact opposite.
    """
    moved, lost, gained = [], [], []
    i = j = 0
    while i < len(gone) and j < len(come):
        if abs(gone[i].at - come[j].at) <= distance:
            moved.append((gone[i], come[j]))
            i, j = i + 1, j + 1
        elif gone[i].at < come[j].at:
            lost.append(gone[i])
            i += 1
        else:
            gained.append(come[j])
            j += 1
    return _Compared(tuple(moved), (*lost, *gone[i:]), (*gained, *come[j:]))


def first_after(starts: Sequence[Start], at: datetime) -> Start | None:
    """The first of some runs that is for a later instant."""
    index = bisect_right([one.at for one in starts], at)
    return starts[index] if index < len(starts) else None
