"""How long the newest runs of a job took and how late they started, with the medians: what a page plots."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from engine.answers.medians import Lengths
from engine.core.lifecycle import Run, RunState
from jobfile.model.dataclass import dataclass
from jobfile.model.namedtuple import NamedTuple


class Point(NamedTuple):
    """A run, and one length of time of it."""

    run: Run
    at: datetime
    length: timedelta
    is_counted: bool
    """Whether it counts for the median."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """A length of time of runs, oldest first, and its median; None without a run that counts."""

    points: tuple[Point, ...]
    median: timedelta | None

    @property
    def longest(self) -> timedelta:
        """The longest of all."""
        return max((one.length for one in self.points), default=timedelta())

    @property
    def count(self) -> int:
        """How many runs count for the median."""
        return sum(one.is_counted for one in self.points)


def durations(runs: Sequence[Run]) -> Course:
    """From the first start to the end. The median is that of `report`: of the runs that succeeded."""
    return _course(runs, list(_durations(runs)))


def latenesses(runs: Sequence[Run]) -> Course:
    """How long after their time the runs of the schedule started, as `report` has it."""
    return _course(runs, list(_latenesses(runs)))


def _durations(runs: Sequence[Run]) -> Iterator[Point]:
    for run in runs:
        if run.started_at is not None and run.ended_at is not None:
            length = max(run.ended_at - run.started_at, timedelta())
            yield Point(run, run.scheduled_for, length, run.state is RunState.SUCCEEDED)


def _latenesses(runs: Sequence[Run]) -> Iterator[Point]:
    for run in runs:
        if run.started_at is not None and run.schedule_key is not None and run.retry_of is None:
            yield Point(run, run.scheduled_for, max(run.started_at - run.not_before, timedelta()), True)


def _course(runs: Sequence[Run], points: list[Point]) -> Course:
    lengths = Lengths()
    for one in points:
        if one.is_counted:
            lengths.add(one.run.job, one.length // timedelta(microseconds=1))
    points.sort(key=lambda one: (one.at, one.run.queued_at, one.run.id))
    medians = dict(lengths.medians())
    return Course(points=tuple(points), median=medians.get(runs[0].job) if runs else None)
