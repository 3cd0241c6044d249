"""Counts the starts in each hour of the day and in the busiest minute, before and after a change."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from jobfile.model.canonical import canonical_json, to_plain
from jobfile.model.jobs import JobSpec
from jobfile.model.namedtuple import NamedTuple
from jobfile.plan.runs import count_starts, starts_of
from jobfile.plan.values import DAYS, Load

MAX_STARTS: Final = 2_000_000
"""Maximum starts that are counted one by one; a set with more is counted over fewer days."""

_MINUTES_A_DAY: Final = 1440


class _Rule(NamedTuple):
    """A schedule shared by some jobs, with one of them; and the number of jobs with it on each side."""

    job: JobSpec
    before: int
    after: int


def compare_load(before: Iterable[JobSpec], after: Iterable[JobSpec], *, now: datetime) -> Load:
    """The starts of all jobs of two sides; a schedule that several jobs share is walked once."""
    rules = _rules(before, after)
    days = _days(rules, now)
    old, new = [0] * (days * _MINUTES_A_DAY), [0] * (days * _MINUTES_A_DAY)
    begin = now.replace(second=0, microsecond=0)
    for rule in rules:
        for start in starts_of(rule.job, after=now, until=now + timedelta(days=days)):
            # A spread can move a start past the end; it is then counted on a later day.
            minute = int((start.starts - begin).total_seconds() // 60) % len(old)
            old[minute] += rule.before
            new[minute] += rule.after
    totals = (sum(old), sum(new)) if days == DAYS else _totals(rules, now)
    return Load(
        days=days,
        before=_by_hour(old, now, days),
        after=_by_hour(new, now, days),
        total_before=totals[0],
        total_after=totals[1],
        peak_before=max(old),
        peak_after=max(new),
    )


def _rules(before: Iterable[JobSpec], after: Iterable[JobSpec]) -> list[_Rule]:
    sides = [_counted(jobs) for jobs in (before, after)]
    jobs: Mapping[str, JobSpec] = {key: job for side in sides for key, (job, _) in side.items()}
    return [_Rule(job, *(side[key][1] if key in side else 0 for side in sides)) for key, job in jobs.items()]


def _counted(jobs: Iterable[JobSpec]) -> dict[str, tuple[JobSpec, int]]:
    found: dict[str, JobSpec] = {}
    counts: Counter[str] = Counter()
    for job in jobs:
        if job.enabled and job.schedule:
            is_spread = any(entry.spread for entry in job.schedule)
            key = canonical_json([to_plain(job.schedule), job.name if is_spread else ""])
            found.setdefault(key, job)
            counts[key] += 1
    return {key: (job, counts[key]) for key, job in found.items()}


def _days(rules: Sequence[_Rule], now: datetime) -> int:
    """The number of days whose starts are counted one by one: thirty, or fewer if a day has too many."""
    a_day = sum(count_starts(rule.job, after=now, until=now + timedelta(days=1)) for rule in rules)
    return max(1, min(DAYS, MAX_STARTS // max(1, a_day)))


def _totals(rules: Sequence[_Rule], now: datetime) -> tuple[int, int]:
    end = now + timedelta(days=DAYS)
    counts = [(rule, count_starts(rule.job, after=now, until=end)) for rule in rules]
    return sum(rule.before * count for rule, count in counts), sum(
        rule.after * count for rule, count in counts
    )


def _by_hour(minutes: Sequence[int], now: datetime, days: int) -> tuple[float, ...]:
    """The mean number of starts in each hour of the day, in UTC."""
    hours = [0] * 24
    offset = now.hour * 60 + now.minute
    for index, count in enumerate(minutes):
        if count:
            hours[(offset + index) // 60 % 24] += count
    return tuple(count / days for count in hours)
