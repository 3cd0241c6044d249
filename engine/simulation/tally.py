"""Counts the results of a simulation while it runs: a row for each job, the load
by hour, the busiest time.
"""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from engine.core.due import Due
from jobfile.model.namedtuple import NamedTuple

_HOUR = timedelta(hours=1)
_NOTHING = timedelta(0)


@dataclass(slots=True)
class JobTally:
    """The numbers of one job."""

    job: str
    fires: int = 0
    ran: int = 0
    succeeded: int = 0
    failed: int = 0
    retries: int = 0
    late: int = 0
    waits: Counter[str] = field(default_factory=Counter)
    waited_max: timedelta = _NOTHING
    busy: timedelta = _NOTHING
    not_run: Counter[tuple[str, str]] = field(default_factory=Counter)
    caught_up: int = 0

    @property
    def skipped(self) -> int:
        """Number of runs that a policy skipped."""
        return sum(count for (state, _), count in self.not_run.items() if state == "skipped")

    @property
    def missed(self) -> int:
        """Number of runs that should have been made."""
        return sum(count for (state, _), count in self.not_run.items() if state == "missed")


class Load:
    """The number of concurrent runs: the mean for each hour of each day, and the maximum."""

    def __init__(self, since: datetime, until: datetime) -> None:
        """Count the time from `since` to `until`, and nothing outside it."""
        self.since = since
        self.until = until
        self.first_hour = since.replace(minute=0, second=0, microsecond=0)
        hours = -(-(until - self.first_hour) // _HOUR)
        self.seconds = [0.0] * max(1, hours)
        self.hour, self.hour_begin, self.hour_end = 0, until, until
        self.running = 0
        self.most = 0
        self.most_since: datetime | None = None
        self.most_until: datetime | None = None

    def begin(self, at: datetime) -> None:
        """Count one more active run."""
        self.running += 1
        if self.running > self.most:
            self.most, self.most_since, self.most_until = self.running, at, None

    def end(self, began: datetime, at: datetime) -> None:
        """Count one active run less; it began at `began`."""
        if self.running == self.most and self.most_until is None:
            self.most_until = at
        self.running -= 1
        if self.hour_begin <= began and at <= self.hour_end:  # for speed: most runs begin and end in one hour
            self.seconds[self.hour] += (at - began).total_seconds()
            return
        begin, end = max(began, self.since), min(at, self.until)
        while begin < end:
            self.hour = (begin - self.first_hour) // _HOUR
            self.hour_begin = max(self.since, self.first_hour + self.hour * _HOUR)
            self.hour_end = min(self.until, self.first_hour + (self.hour + 1) * _HOUR)
            border = min(end, self.hour_end)
            self.seconds[self.hour] += (border - begin).total_seconds()
            begin = border

    def by_weekday(self) -> list[list[float]]:
        """The mean number of runs at once, [weekday from Monday][hour of the day in UTC]."""
        sums = [[0.0] * 24 for _ in range(7)]
        counts = [[0.0] * 24 for _ in range(7)]
        for index, seconds in enumerate(self.seconds):
            begin = self.first_hour + index * _HOUR
            length = min(begin + _HOUR, self.until) - max(begin, self.since)
            sums[begin.weekday()][begin.hour] += seconds
            counts[begin.weekday()][begin.hour] += length.total_seconds()
        return [
            [total / count if count else 0.0 for total, count in zip(row, lengths, strict=True)]
            for row, lengths in zip(sums, counts, strict=True)
        ]


class Return(NamedTuple):
    """What happened to the occurrences of a job that fell due in one absence."""

    job: str
    caught_up: int
    not_run: tuple[tuple[str, str, int], ...]

    @classmethod
    def of(cls, job: str, found: Due) -> "Return":
        """Count the decisions of the catch-up policy."""
        rest: Counter[tuple[str, str]] = Counter()
        for one in found.not_run:
            rest[one.state.value, one.reason] += one.count
        parts = tuple((state, reason, count) for (state, reason), count in sorted(rest.items()))
        return cls(job, sum(1 for one in found.to_run if one.is_late), parts)


@dataclass
class Outcome:
    """All results of a simulation."""

    since: datetime
    until: datetime
    jobs: list[JobTally]
    load: Load
    absences: list[tuple[datetime, datetime, list[Return]]] = field(default_factory=list)
