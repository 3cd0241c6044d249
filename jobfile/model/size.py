"""Sizes as people write them: `0`, `512KiB`, `100MiB`, `1GiB`."""

import re
from typing import Final

NO_LIMIT: Final = "none"
"""What stands where a size could, and lifts the limit."""

MAX_SIZE: Final = 2**50
"""A petabyte: a larger number is a typing mistake, and `none` says it better."""

EXPECTED: Final = "0, or a number with a unit: 512KiB, 100MiB, 1GiB"

_UNITS: Final = {"TiB": 2**40, "GiB": 2**30, "MiB": 2**20, "KiB": 2**10}
_SHAPE: Final = re.compile(r"(\d{1,18})([KMGT]iB)", re.ASCII)
_SHORT: Final = re.compile(r"(\d{1,18}) ?([kmgt])(?:i|ib)?", re.ASCII | re.IGNORECASE)
"""As `ulimit` and systemd write it, where K is 1,024 too."""


def parse_size(text: str) -> int | None:
    """The bytes that the text says, or None. Units are powers of 1,024; only nothing needs no unit."""
    if text == "0":
        return 0
    match = _SHAPE.fullmatch(text)
    if match is None:
        return None
    size = int(match[1]) * _UNITS[match[2]]
    return size if size <= MAX_SIZE else None


def format_size(size: int) -> str:
    """The one text for a size that `parse_size` has read: the largest unit of which it is a whole number."""
    if size == 0:
        return "0"
    unit = next(unit for unit, of_it in _UNITS.items() if size % of_it == 0)
    return f"{size // _UNITS[unit]}{unit}"


def meant_size(text: str) -> str | None:
    """The size that a text means beyond doubt: MB may be a thousand kB, and a number alone KiB or bytes."""
    match = _SHORT.fullmatch(text.strip())
    meant = f"{match[1]}{match[2].upper()}iB" if match else text.strip()
    return meant if parse_size(meant) is not None else None


def why_no_size(text: str) -> tuple[str, str]:
    """Why a text is no size, as the end of a sentence about it; and what was expected."""
    if _SHAPE.fullmatch(text):
        return "is too large", f"expected at most {format_size(MAX_SIZE)}, or `{NO_LIMIT}`"
    return "is not a size", f"expected {EXPECTED}, or `{NO_LIMIT}`"
