"""Parses and formats durations: `90s`, `5m`, `1h30m`, `2d`."""

import re
from datetime import timedelta
from functools import lru_cache
from typing import TYPE_CHECKING

from jobfile.model.regex import regex

if TYPE_CHECKING:
    from fractions import Fraction

_UNITS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
_SHAPE = regex(r"(?:(\d{1,9})d)?(?:(\d{1,9})h)?(?:(\d{1,9})m)?(?:(\d{1,9})s)?", re.ASCII)

MAX_DURATION = timedelta(days=3_660)
"""Ten years: a longer one is a typing mistake. This is still far from overflow."""

EXPECTED = "a number with a unit: 30s, 5m, 2h, 1h30m, 7d"
_LONG_SHAPE = regex(r"(?:\d+d)?(?:\d+h)?(?:\d+m)?(?:\d+s)?", re.ASCII)
"""A duration with any number of digits."""

_SECONDS = {**_UNITS, "w": 604_800}
_FINE = {"ms": 10**3, "us": 10**6, "ns": 10**9}
"""How many make a second."""
_CALENDAR = {"mo": 30, "y": 365}
_NAMES = {
    "s": ("s", "sec", "secs", "second", "seconds"),
    "m": ("m", "min", "mins", "minute", "minutes"),
    "h": ("h", "hr", "hrs", "hour", "hours"),
    "d": ("d", "day", "days"),
    "w": ("w", "wk", "wks", "week", "weeks"),
    "ms": ("ms", "msec", "msecs", "millis", "millisecond", "milliseconds"),
    "us": ("us", "usec", "usecs", "micros", "microsecond", "microseconds"),
    "ns": ("ns", "nsec", "nsecs", "nanos", "nanosecond", "nanoseconds"),
    "mo": ("mo", "mos", "mon", "mth", "month", "months"),
    "y": ("y", "yr", "yrs", "year", "years"),
}
"""Names for units that users know from other tools."""
_WORDED = regex("([0-9]{1,18}(?:[.][0-9]{1,18})?) ?([A-Za-z\u00b5\u03bc]{1,12})")
_GAP = regex(r"(?<=\d) (?=[dhms])|(?<=[dhms]) (?=\d)", re.ASCII)
"""A blank next to a unit; never one between two digits."""


@lru_cache(maxsize=1024)
def parse_duration(text: str) -> timedelta | None:
    """The duration in a text, or None. Units d, h, m, s, largest first, each at most once."""
    match = _SHAPE.fullmatch(text)
    if match is None or not text:
        return None
    amounts = zip(match.groups(), _UNITS.values(), strict=True)
    seconds = sum(int(amount) * unit for amount, unit in amounts if amount)
    return timedelta(seconds=seconds) if seconds <= MAX_DURATION.total_seconds() else None


def why_no_duration(text: str) -> tuple[str, str]:
    """Why a text is not a duration, as the end of a sentence; and what was expected."""
    if text and _LONG_SHAPE.fullmatch(text):
        return "is too long", f"expected at most {MAX_DURATION.days}d, which is ten years"
    words = _WORDED.fullmatch(text.strip())
    unit = _unit_of(words[2]) if words else ""
    if words and (unit in _FINE or (unit in _SECONDS and meant_duration(text) is None)):
        return "is not a duration", "expected whole seconds: the smallest unit is the second, as in 1s"
    if unit in _CALENDAR:
        days = _CALENDAR[unit]
        return "is not a duration", f"expected days, such as {days}d: months and years differ in length"
    return "is not a duration", f"expected {EXPECTED}"


def meant_duration(text: str) -> str | None:
    """The duration meant by a text in another notation, with the same length; a bare number is seconds."""
    if text.isascii() and text.isdigit():
        meant = f"{text.lstrip('0') or '0'}s"
        return meant if parse_duration(meant) is not None else None
    together = _GAP.sub("", text.strip())
    if parse_duration(together) is not None:
        return together
    words = _WORDED.fullmatch(text.strip())
    if words is None:
        return None
    unit = _unit_of(words[2])
    if unit in _SECONDS and "." not in words[1]:
        meant = f"{words[1]}{unit}" if unit in _UNITS else f"{int(words[1]) * 7}d"
        return meant if parse_duration(meant) is not None else None
    if unit not in _SECONDS and unit not in _FINE:
        return None
    from fractions import Fraction  # noqa: PLC0415  start-up time: only after a mistake

    return _of_seconds(Fraction(words[1]) * _SECONDS.get(unit, 1) / _FINE.get(unit, 1))


def _of_seconds(seconds: "Fraction") -> str | None:
    """The duration of a whole number of seconds, the smallest unit of the language."""
    if seconds.denominator != 1 or seconds > MAX_DURATION.total_seconds():
        return None
    return format_duration(timedelta(seconds=int(seconds)))


def _unit_of(word: str) -> str:
    """The unit that a word means. `M` alone is a month in some tools, so it is not a unit here."""
    if word == "M":
        return "mo"
    word = word.lower().replace("\N{GREEK SMALL LETTER MU}", "u").replace("\N{MICRO SIGN}", "u")
    return next((unit for unit, words in _NAMES.items() if word in words), "")


def format_duration(duration: timedelta) -> str:
    """The shortest text that `parse_duration` reads back; fractions of a second are dropped."""
    seconds = int(duration.total_seconds())
    parts = []
    for unit, size in _UNITS.items():
        amount, seconds = divmod(seconds, size)
        if amount:
            parts.append(f"{amount}{unit}")
    return "".join(parts) or "0s"


def span_text(length: timedelta) -> str:
    """A length of time in at most two units: 2h11m, 45s."""
    seconds = round(length.total_seconds())
    step = 1 if seconds < 3600 else 60 if seconds < 86_400 else 3600
    return format_duration(timedelta(seconds=seconds // step * step))
