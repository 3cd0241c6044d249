"""The rate of a schedule over whole periods, which does not depend on the current day."""

from collections.abc import Iterator
from datetime import timedelta
from fractions import Fraction
from typing import Final

from jobfile.model.jobs import AtEntry, BusinessDayEntry, CronEntry, EveryEntry, JobSpec
from jobfile.schedule.local_times import LocalTimes, local_times

YEARS: Final = range(2001, 2029)
"""After 28 years, weekdays fall on the same dates again."""
DAYS_IN_ALL: Final = 28 * 365 + 7
_DAY: Final = timedelta(days=1)


def runs_a_day(job: JobSpec | None) -> Fraction:
    """The average number of runs per day of a job's schedule, while it is in force.

    Local times are counted without clock changes: a day without half past two counts like any other. An
    instant in `at` counts once in the whole period.
    """
    if job is None or not job.enabled:
        return Fraction(0)
    named = [local_times(one) for one in job.schedule if isinstance(one, CronEntry | BusinessDayEntry)]
    found = Fraction(_count(named), DAYS_IN_ALL)
    for entry in job.schedule:
        if isinstance(entry, EveryEntry):
            found += Fraction(_DAY // timedelta.resolution, entry.every // timedelta.resolution)
        elif isinstance(entry, AtEntry):
            found += Fraction(len(entry.at), DAYS_IN_ALL)
    return found


def _count(named: list[LocalTimes]) -> int:
    """The number of minutes in the whole period matched by any entry; each minute counts once."""
    if not named:
        return 0
    minutes = [_minutes(times) for times in named]
    if len(named) == 1:
        return minutes[0].bit_count() * sum(days[0].bit_count() for days in _months(named))
    total = 0
    for days in _months(named):
        for day in range(32):
            mask = 0
            for one, of_day in zip(days, minutes, strict=True):
                mask |= of_day if one >> day & 1 else 0
            total += mask.bit_count()
    return total


def _months(named: list[LocalTimes]) -> Iterator[list[int]]:
    """For each month of the period, the days of each entry as a bit set."""
    for year in YEARS:
        for month in range(1, 13):
            yield [times.days.in_month(year, month) for times in named]


def _minutes(times: LocalTimes) -> int:
    """The minutes of a day that an entry matches, as a bit set."""
    return sum(times.minute << 60 * hour for hour in range(24) if times.hour >> hour & 1)
