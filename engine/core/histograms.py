"""Histograms of all runs since the ledger began: in which bucket a length of time is counted.

As Prometheus counts: a value is in the first bucket whose upper bound it does not exceed.
"""

from bisect import bisect_left
from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from typing import Final

from jobfile.model.namedtuple import NamedTuple

_MICROSECOND = timedelta(microseconds=1)
UNBOUNDED: Final = 2**53 - 1
"""The upper bound of the last bucket, in microseconds: longer than anything lasts."""


class Histogram(StrEnum):
    """What is measured."""

    RUN_DURATION = "run_duration"
    """From the first start of a run to its end; counted at the end of its last attempt."""
    START_LATENESS = "start_lateness"
    """How much later than planned a run was started for the first time."""


BOUNDS: Final[Mapping[Histogram, tuple[float, ...]]] = {
    Histogram.RUN_DURATION: (1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 14400.0, 43200.0, 86400.0),
    Histogram.START_LATENESS: (0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 3600.0),
}
"""The upper bounds of the buckets, in seconds, ascending."""


class Bucket(NamedTuple):
    """Runs of a job whose length of time is above the bound below, and at most `bound` microseconds."""

    histogram: Histogram
    job: str
    """Empty if the histogram is one of all jobs."""
    bound: int
    runs: int
    length: int
    """The sum of their lengths, in microseconds."""


def bucket_of(histogram: Histogram, job: str, length: timedelta) -> Bucket:
    """The bucket of a length of time, with this one alone in it. A clock set back makes none negative."""
    bounds = [*(round(bound * 1e6) for bound in BOUNDS[histogram]), UNBOUNDED]
    microseconds = max(0, length // _MICROSECOND)
    return Bucket(histogram, job, bounds[bisect_left(bounds, microseconds)], 1, microseconds)
