"""Parses and formats sizes: `0`, `512KiB`, `100MiB`, `1GiB`."""

import re
from typing import Final

from jobfile.model.regex import regex

NO_LIMIT: Final = "none"
"""The word in place of a size that removes the limit."""

MAX_SIZE: Final = 2**50
"""A petabyte: a larger number is a typing mistake, or should be `none`."""

EXPECTED: Final = "0, or a number with a unit: 512KiB, 100MiB, 1GiB"

_UNITS: Final = {"TiB": 2**40, "GiB": 2**30, "MiB": 2**20, "KiB": 2**10}
_SHAPE: Final = regex(r"(\d{1,18})([KMGT]iB)", re.ASCII)
_SHORT: Final = regex(r"(\d{1,18}) ?([kmgt])(?:i|ib)?", re.ASCII | re.IGNORECASE)
"""The notation of `ulimit` and systemd, where K is also 1,024."""


def parse_size(text: str) -> int | None:
    """The size in bytes, or None. Units are powers of 1,024; only 0 needs no unit."""
    if text == "0":
        return 0
    match = _SHAPE.fullmatch(text)
    if match is None:
        return None
    size = int(match[1]) * _UNITS[match[2]]
    return size if size <= MAX_SIZE else None


def format_size(size: int) -> str:
    """The canonical text of a parsed size, in the largest unit that gives a whole number."""
    if size == 0:
        return "0"
    unit = next(unit for unit, of_it in _UNITS.items() if size % of_it == 0)
    return f"{size // _UNITS[unit]}{unit}"


def meant_size(text: str) -> str | None:
    """The size meant by a text, if it is clear: MB could be 1,000 kB, and a bare number KiB or bytes."""
    match = _SHORT.fullmatch(text.strip())
    meant = f"{match[1]}{match[2].upper()}iB" if match else text.strip()
    return meant if parse_size(meant) is not None else None


def why_no_size(text: str, *, or_none: bool) -> tuple[str, str]:
    """Why a text is not a size, as the end of a sentence; and what was expected."""
    other = f", or `{NO_LIMIT}`" if or_none else ""
    if _SHAPE.fullmatch(text):
        return "is too large", f"expected at most {format_size(MAX_SIZE)}{other}"
    return "is not a size", f"expected {EXPECTED}{other}"
