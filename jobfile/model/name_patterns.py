"""Patterns for the names of files: `*.csv`, `report-?.{pdf,txt}`, `[0-9]*`."""

import re
from collections.abc import Callable, Iterator
from fnmatch import translate
from functools import lru_cache
from typing import Final

MAX_CHOICES: Final = 256
"""Maximum number of patterns that the braces of one pattern stand for."""


@lru_cache(maxsize=1024)
def name_matcher(pattern: str) -> Callable[[str], bool]:
    """A test whether a name matches, as in a shell: only a dot matches a leading dot.

    Raises ValueError if the braces stand for more than MAX_CHOICES patterns.
    """
    matchers = [_expression(one).fullmatch for one in _limited(pattern)]
    if len(matchers) == 1:
        (matches,) = matchers
        return lambda name: matches(name) is not None
    return lambda name: any(matches(name) for matches in matchers)


def choices_of(pattern: str) -> Iterator[str]:
    """The patterns without braces that a pattern stands for. Braces without a comma stand for themselves."""
    start = pattern.find("{")
    while start >= 0:
        parts, end = _parts(pattern, start)
        if len(parts) > 1:
            before, after = pattern[:start], pattern[end:]
            for part in parts:
                for inside in choices_of(part):
                    for rest in choices_of(after):
                        yield before + inside + rest
            return
        start = pattern.find("{", start + 1)
    yield pattern


def _limited(pattern: str) -> list[str]:
    found: list[str] = []
    for one in choices_of(pattern):
        if len(found) >= MAX_CHOICES:
            raise ValueError(f"the braces of `{pattern[:60]}` stand for more than {MAX_CHOICES} patterns")
        found.append(one)
    return found


def _parts(pattern: str, start: int) -> tuple[list[str], int]:
    """The parts between a brace and its partner, and the place after that; no parts without a partner."""
    parts, depth, begin = [], 0, start + 1
    for at in range(start, len(pattern)):
        sign = pattern[at]
        depth += (sign == "{") - (sign == "}")
        if depth == 0 or (depth == 1 and sign == ","):
            parts.append(pattern[begin:at])
            begin = at + 1
        if depth == 0:
            return parts, at + 1
    return [], len(pattern)


def _expression(pattern: str) -> re.Pattern[str]:
    # `translate` uses atomic groups, so a hostile name costs linear time.
    is_dotted = pattern.startswith(".")
    return re.compile(translate(pattern) if is_dotted else f"(?!\\.){translate(pattern)}")
