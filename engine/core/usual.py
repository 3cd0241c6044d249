"""Decides whether something about a success is far from what is usual for its job.

The median and the median distance from it are hardly moved by a few outliers in the history.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from engine.core.records import Odd
from engine.core.vocabulary import seconds_text

HISTORY: Final = 30
"""The number of newest successes that a run is compared with."""
LEAST: Final = 7
"""With fewer successes before it, nothing is usual yet."""
FAR: Final = 5.0
"""This many spreads from the median is far."""
LEAST_SHARE: Final = 0.1
"""The least spread, as a share of the median: equal values must not make every other one odd."""
LEAST_SECONDS: Final = 1.0
"""The least spread of durations."""
NORMAL: Final = 1.4826
"""The standard deviation of a normal distribution, in median distances."""
DURATION: Final = "expect.duration"
"""The name of the duration, in seconds; no output can have a dot in its name."""


def odd(run_id: str, values: Mapping[str, float], history: Mapping[str, Sequence[float]]) -> tuple[Odd, ...]:
    """What is far from usual: the duration and numeric outputs, by name."""
    from statistics import median  # noqa: PLC0415  start-up time: most answers only need the words

    found = []
    for name, value in sorted(values.items()):
        before = history.get(name, ())[:HISTORY]
        if len(before) < LEAST:
            continue
        middle = median(before)
        distance = median(abs(one - middle) for one in before)
        least = LEAST_SECONDS if name == DURATION else 0.0
        spread = max(NORMAL * distance, LEAST_SHARE * abs(middle), least)
        if abs(value - middle) > FAR * spread:
            found.append(Odd(run_id, name, float(value), float(middle), float(spread)))
    return tuple(found)


def odd_words(one: Odd) -> str:
    """What is unusual, in words."""
    if one.name == DURATION:
        return f"odd: it took {seconds_text(one.value)}, usually {seconds_text(one.median)}"
    return f"odd: output `{one.name}` is {one.value:g}, usually {one.median:g}"
