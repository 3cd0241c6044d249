"""The answer of `report` as CSV (RFC 4180): a line for each job and day on which something was expected."""

from collections.abc import Iterable, Iterator
from datetime import date
from itertools import groupby
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
    return ",".join(HEADER) + "\r\n"


def days_to_csv(days: Iterable[tuple[date, Row]], *, period: str) -> Iterator[str]:
    """The lines of a period, those of each job in one text."""
    for job, of_job in groupby(days, key=lambda one: one[1].job):
        name = _cell(job)
        yield "".join(
            f"{period},{name},{day},{','.join(map(str, row.numbers.values()))}\r\n" for day, row in of_job
        )


def _cell(text: str) -> str:
    """A cell that a spreadsheet shows as it is: control characters are escaped, and it is no formula."""
    shown = printable(text)
    shown = f"'{shown}" if shown.lstrip().startswith(_FORMULA) else shown
    return f'"{shown.replace(chr(34), chr(34) * 2)}"' if "," in shown or '"' in shown else shown
