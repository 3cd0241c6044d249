"""Durations as people write them: `90s`, `5m`, `1h30m`, `2d`."""

import re
from datetime import timedelta
from functools import lru_cache

_UNITS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
_SHAPE = re.compile(r"(?:(\d{1,9})d)?(?:(\d{1,9})h)?(?:(\d{1,9})m)?(?:(\d{1,9})s)?", re.ASCII)

MAX_DURATION = timedelta(days=3_660)
"""Ten years: longer is a typing mistake, and still far from overflow."""

EXPECTED = "a number with a unit: 30s, 5m, 2h, 1h30m, 7d"
_LONG_SHAPE = re.compile(r"(?:\d+d)?(?:\d+h)?(?:\d+m)?(?:\d+s)?", re.ASCII)
"""A duration of any length, however many digits it has."""


@lru_cache(maxsize=1024)
def parse_duration(text: str) -> timedelta | None:
    """The duration that the text says, or None. Units d, h, m, s, largest first, each at most once."""
    match = _SHAPE.fullmatch(text)
    if match is None or not text:
        return None
    amounts = zip(match.groups(), _UNITS.values(), strict=True)
    seconds = sum(int(amount) * unit for amount, unit in amounts if amount)
    return timedelta(seconds=seconds) if seconds <= MAX_DURATION.total_seconds() else None


def why_no_duration(text: str) -> tuple[str, str]:
    """Why a text is no duration, as the end of a sentence about it; and what was expected."""
    if text and _LONG_SHAPE.fullmatch(text):
        return "is too long", f"expected at most {MAX_DURATION.days}d, which is ten years"
    return "is not a duration", f"expected {EXPECTED}"


def format_duration(duration: timedelta) -> str:
    """The shortest text that `parse_duration` reads back; fractions of a second are dropped."""
    seconds = int(duration.total_seconds())
    parts = []
    for unit, size in _UNITS.items():
        amount, seconds = divmod(seconds, size)
        if amount:
            parts.append(f"{amount}{unit}")
    return "".join(parts) or "0s"
