"""Medians of many lengths of time, by job and in total, in 8 bytes for each."""

from array import array
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import timedelta
from typing import Final

DIGITS: Final = 3
"""The median in total is exact to this number of digits: it counts rounded lengths."""


class Lengths:
    """Lengths of time in microseconds."""

    def __init__(self) -> None:
        """Begin with none."""
        self._by_job: defaultdict[str, array[int]] = defaultdict(lambda: array("q"))
        self._rounded: Counter[int] = Counter()

    def add(self, job: str, microseconds: int) -> None:
        """Add a length of a run of a job."""
        self._by_job[job].append(microseconds)
        unit = 10 ** max(0, len(str(microseconds)) - DIGITS)
        self._rounded[round(microseconds / unit) * unit] += 1

    def medians(self) -> Iterator[tuple[str, timedelta]]:
        """The median of each job, and in total under the empty name."""
        for job, lengths in self._by_job.items():
            yield job, _between(*(sorted(lengths)[place] for place in _middle(len(lengths))))
        if self._rounded:
            yield "", _between(*(self._at(place) for place in _middle(self._rounded.total())))

    def _at(self, place: int) -> int:
        for length in sorted(self._rounded):
            place -= self._rounded[length]
            if place < 0:
                return length
        raise AssertionError("the place is not one of the lengths")


def _middle(number: int) -> tuple[int, int]:
    return (number - 1) // 2, number // 2


def _between(low: int, high: int) -> timedelta:
    return timedelta(microseconds=(low + high) // 2)
