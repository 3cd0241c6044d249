"""Text in columns: tables, and facts with labels, at a given width."""

import unicodedata
from collections.abc import Sequence

from jobfile.diagnostics.escapes import printable

MIN_ROOM = 20
"""Minimum width of a wrapped fact, however narrow the terminal is."""


def display_width(text: str) -> int:
    """Columns that a text takes on a terminal; wide characters take two."""
    return sum(
        0 if unicodedata.combining(one) else 2 if unicodedata.east_asian_width(one) in "WF" else 1
        for one in text
    )


def table(
    heads: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    width: int | None,
    right: Sequence[int] = (),
) -> str:
    """A table with two spaces between columns; lines are cut at a width if one is given."""
    cells = [list(map(printable, row)) for row in rows]
    columns = [max(display_width(row[i]) for row in [list(heads), *cells]) for i in range(len(heads))]
    lines = [_line(row, columns, right) for row in (heads, *cells)]
    return "\n".join(line if width is None else cut(line, width) for line in lines)


def cut(line: str, columns: int) -> str:
    """A line cut to the width, with … at the end if it was cut."""
    if display_width(line) <= columns:
        return line
    kept = ""
    for one in line:
        if display_width(kept + one) > columns - 1:
            break
        kept += one
    return kept + "…"


def facts(rows: Sequence[tuple[str, str]], *, width: int) -> str:
    """Labels in a column, and the text of each beside it, wrapped under itself."""
    column = max((len(label) for label, _ in rows), default=0) + 2
    room = max(MIN_ROOM, width - column)
    lines = []
    for label, text in rows:
        first, *rest = _wrapped(printable(text), room)
        lines.append(f"{label:<{column}}{first}".rstrip())
        lines += [" " * column + line for line in rest]
    return "\n".join(lines)


def _wrapped(text: str, columns: int) -> list[str]:
    lines, line = [], ""
    for word in text.split(" "):
        if line and display_width(f"{line} {word}") > columns:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}" if line else word
    return [*lines, line]


def _line(row: Sequence[str], columns: Sequence[int], right: Sequence[int]) -> str:
    parts = []
    for index, cell in enumerate(row):
        space = " " * (columns[index] - display_width(cell))
        parts.append(space + cell if index in right else cell + space)
    return "  ".join(parts).rstrip()
