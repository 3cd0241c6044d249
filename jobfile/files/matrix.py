"""The matrix of a job: its axes, and their combinations."""

from collections.abc import Iterator, Mapping
from itertools import product

from jobfile.files.merged_settings import Setting
from jobfile.model.values import Scalar

MAX_COMBINATIONS = 256
"""Maximum runs from one fire of a job with a matrix."""
MOST_COUNTED = 10**9
"""Combinations are counted only up to here: their number could have thousands of digits."""


def axes(setting: Setting) -> dict[str, list[Scalar]]:
    """The axes of a matrix."""
    return {name: values for name, values in setting.value.items() if name != "exclude"}


def combination_count(setting: Setting) -> int:
    """The number of combinations of a matrix, without making them; at most `MOST_COUNTED`."""
    count = 1
    for values in axes(setting).values():
        count = min(count * len(values), MOST_COUNTED) if count else 0
    return count


def combinations(setting: Setting) -> Iterator[Mapping[str, Scalar]]:
    """All combinations of a matrix; the last axis changes fastest."""
    names = axes(setting)
    for values in product(*names.values()):
        yield dict(zip(names, values, strict=True))


def fits(combination: Mapping[str, Scalar], rule: Mapping[str, object]) -> bool:
    """Whether an entry of `exclude` matches a combination; a text equals a number written the same way."""
    return all(name in combination and str(combination[name]) == str(value) for name, value in rule.items())
