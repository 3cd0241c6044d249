"""The runs to come under two meanings of a job: which are gained, lost and moved, and when the next are."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from fractions import Fraction
from itertools import islice
from typing import Final

from jobfile.model.jobs import AtEntry, EveryEntry, JobSpec
from jobfile.plan.rates import runs_a_day
from jobfile.plan.values import DAYS, EFFECT_DAYS, Runs, Start
from jobfile.schedule.occurrences import clock_effects, fires, spread_delay

NEXT_SHOWN: Final = 4
MAX_COMPARED: Final = 50_000
"""Runs of a job that are compared one by one: more than one a minute for thirty days."""


def starts_of(job: JobSpec | None, *, after: datetime, until: datetime) -> Iterator[Start]:
    """The runs that a job's schedule wants in (after, until], in order of the instants they are for."""
    if job is None or not job.enabled or not job.schedule:
        return
    delays = [spread_delay(entry.spread, job.name) for entry in job.schedule]
    for fire in fires(job.schedule, after=after, until=until):
        yield Start(fire.at, fire.at + delays[fire.entry])


def count_starts(job: JobSpec | None, *, after: datetime, until: datetime) -> int:
    """How many runs the schedule wants in (after, until]."""
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
    """What becomes of the runs of the next thirty days when one meaning takes the place of another."""
    end = now + timedelta(days=DAYS)
    old, new = (list(islice(_all(job, now, end), MAX_COMPARED)) for job in (before, after))
    until = min([end, *(starts[-1].at for starts in (old, new) if len(starts) == MAX_COMPARED)])
    nexts = [tuple(_nearest(job, starts, now)) for job, starts in ((before, old), (after, new))]
    counts = [count_starts(job, after=now, until=end) for job in (before, after)]
    old, new = ([one for one in starts if one.at <= until] for starts in (old, new))
    gone, come = _only(old, new), _only(new, old)
    rates = [runs_a_day(job) for job in (before, after)]
    distance = _usual_distance(max(rates), (before, after)) or (until - now) / max(1, len(old), len(new))
    moved, lost, gained = _pair(gone, come, distance)
    return Runs(
        compared_until=until,
        next_before=nexts[0],
        next_after=nexts[1],
        count_before=counts[0],
        count_after=counts[1],
        gained=gained,
        lost=lost,
        moved=moved,
        usual_distance=distance,
        rate_before=rates[0],
        rate_after=rates[1],
    )


def _usual_distance(rate: Fraction, jobs: Sequence[JobSpec | None]) -> timedelta | None:
    """The mean time between runs; None when a job has moments that are written one by one."""
    entries = [entry for job in jobs if job is not None for entry in job.schedule]
    if not rate or any(isinstance(entry, AtEntry) for entry in entries):
        return None
    return timedelta(seconds=float(86_400 / rate))


def effects_of(before: JobSpec | None, after: JobSpec | None, *, now: datetime) -> tuple[str, ...]:
    """What changes of the clock in the year to come do to entries that were not there before."""
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
    """The next few runs; looked for beyond the thirty days when these hold too few."""
    if len(starts) >= NEXT_SHOWN or job is None:
        yield from starts[:NEXT_SHOWN]
    else:
        far = now + timedelta(days=EFFECT_DAYS)
        yield from islice(starts_of(job, after=now, until=far), NEXT_SHOWN)


def _only(starts: Sequence[Start], others: Sequence[Start]) -> list[Start]:
    there = set(others)
    return [one for one in starts if one not in there]


def _pair(
    gone: Sequence[Start], come: Sequence[Start], distance: timedelta
) -> tuple[tuple[tuple[Start, Start], ...], tuple[Start, ...], tuple[Start, ...]]:
    """Runs that have another time, those that go, those that come.

    In the order of time; two are one that moved when they are no further apart than runs usually are.
    Both sides are treated alike, so that the way back is the same way.
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
    return tuple(moved), (*lost, *gone[i:]), (*gained, *come[j:])


def first_after(starts: Sequence[Start], at: datetime) -> Start | None:
    """The first of some runs that is for a later instant."""
    index = bisect_right([one.at for one in starts], at)
    return starts[index] if index < len(starts) else None
