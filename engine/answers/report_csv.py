"""The answer of `report` as CSV (RFC 4180): a line for each job and day on which something was expected."""

from collections.abc import Iterable, Iterator
from datetime import date
from typing import Final

from engine.answers.report import VERDICTS, Row
from jobfile.diagnostics.escapes import printable

HEADER: Final = ("period", "job", "day", "expected", "scheduled", "requested", *VERDICTS)
NOW: Final = "now"
BEFORE: Final = "before"
_FORMULA: Final = ("=", "+", "-", "@")
"""The first characters by which a spreadsheet takes a text for a formula."""


def header_to_csv() -> str:
    """The first line."""
    return _line(HEADER)


def days_to_csv(days: Iterable[tuple[date, Row]], *, period: str) -> Iterator[str]:
    """The lines of a period, in the order of jobs and days."""
    for day, row in days:
        yield _line((period, row.job, day.isoformat(), *map(str, row.numbers.values())))


def _line(cells: Iterable[str]) -> str:
    return ",".join(map(_cell, cells)) + "\r\n"


def _cell(text: str) -> str:
    """A cell that a spreadsheet shows as it is: control characters are escaped, and it is no formula."""
    shown = printable(text)
    shown = f"'{shown}" if shown.lstrip().startswith(_FORMULA) and not _is_number(shown) else shown
    return f'"{shown.replace(chr(34), chr(34) * 2)}"' if any(one in shown for one in ',"') else shown


def _is_number(text: str) -> bool:
    return text.removeprefix("-").isdigit()
