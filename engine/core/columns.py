"""Text in columns: tables, and facts with labels, at a given width."""

import unicodedata
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from jobfile.diagnostics.escapes import printable
from jobfile.render.style import PLAIN, Style

Paint = Callable[[str], str]
"""Adds colours to a text, and nothing else."""

MIN_ROOM = 20
"""Minimum width of a wrapped fact, however narrow the terminal is."""
MIN_REASON = 24
"""Minimum width of a column of reasons; in less, each reason is written below its row."""
MIN_NAME = 9
"""Minimum width of a name that is cut in the middle, where its table has room for it."""
FAIR_NAME = 20
"""Width of a name that is still easy to read; optional columns are left out for it."""
CUT = "…"
_GAP = 2
_INDENT = 2
_NO_WIDTH = frozenset({"Mn", "Me", "Cf"})


def display_width(text: str) -> int:
    """Columns that a text takes on a terminal; wide characters take two."""
    return len(text) if text.isascii() else sum(map(_columns_of, text))


def _columns_of(sign: str) -> int:
    if unicodedata.category(sign) in _NO_WIDTH:
        return 0
    return 2 if unicodedata.east_asian_width(sign) in "WF" else 1


def table(
    heads: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    width: int | None,
    right: Sequence[int] = (),
    names: Sequence[int] = (),
    optional: Sequence[int] = (),
    reason: int | None = None,
    paints: Mapping[int, Paint] = MappingProxyType({}),
) -> str:
    """A table with two spaces between columns, at most as wide as `width` if one is given.

    Columns are named by their index. Where the width does not suffice, `reason` is wrapped, or written
    below its row, never cut; `optional` columns are left out, the last one first; `names` are cut in the
    middle, then the other columns at their end, those of `paints` last. `paints` colour a column.
    """
    cells = [[printable(cell) for cell in row] for row in rows]
    natural = [max(map(display_width, column)) for column in zip(heads, *cells, strict=True)]
    if width is not None:
        natural = _without(natural, width, names=names, optional=optional, reason=reason)
    columns = _fitted(natural, width, names=names, last=tuple(paints), reason=reason)

    def lines_of(row: Sequence[str], paints: Mapping[int, Paint]) -> list[str]:
        parts = [
            _lines_of(cell, columns[index], is_whole=index == reason, is_name=index in names)
            for index, cell in enumerate(row)
        ]
        count = max(map(len, parts), default=0)
        texts = ([part[number] if number < len(part) else "" for part in parts] for number in range(count))
        return [_line(one, columns, right, paints) for one in texts]

    lines = lines_of(heads, {})
    for row in cells:
        lines += lines_of(row, paints)
        if reason is not None and width is not None and row[reason] and not columns[reason]:
            lines += [" " * _INDENT + one for one in _wrapped(row[reason], width - _INDENT, breaks=True)]
    return "\n".join(lines)


def _without(
    natural: Sequence[int],
    width: int,
    *,
    names: Sequence[int],
    optional: Sequence[int],
    reason: int | None,
) -> list[int]:
    """The widths of the columns, 0 for optional ones that would make names too short or others cut."""
    columns = list(natural)
    for index in reversed(optional):
        least = [min(one, FAIR_NAME) if at in names else one for at, one in enumerate(columns)]
        if _total([one for at, one in enumerate(least) if at != reason]) > width:
            columns[index] = 0
    return columns


def _fitted(
    natural: Sequence[int],
    width: int | None,
    *,
    names: Sequence[int],
    last: Sequence[int],
    reason: int | None,
) -> list[int]:
    """The widths of the columns; those of `last` are the last to be made narrower.

    The column of reasons has no width if each reason is written below its row.
    """
    columns = list(natural)
    if width is None or _total(columns) <= width:
        return columns
    if reason is not None:
        columns[reason] = min(natural[reason], MIN_REASON)
        _shrink(columns, names, by=_total(columns) - width, least=MIN_NAME)
        if _total(columns) <= width:
            columns[reason] += width - _total(columns)
            return columns
        columns = [0 if index == reason else one for index, one in enumerate(natural)]
    _shrink(columns, names, by=_total(columns) - width, least=MIN_NAME)
    backwards = range(len(columns) - 1, -1, -1)
    _shrink(columns, [one for one in backwards if one not in last], by=_total(columns) - width, least=2)
    for least in (2, 0):
        _shrink(columns, backwards, by=_total(columns) - width, least=least)
    return columns


def _shrink(columns: list[int], which: Sequence[int], *, by: int, least: int) -> None:
    """Make columns narrower, one after the other, until enough is gained or each has the least width."""
    before = _total(columns)
    for index in which:
        missing = by - (before - _total(columns))
        if missing <= 0:
            return
        columns[index] = min(columns[index], max(least, columns[index] - missing))


def _total(columns: Sequence[int]) -> int:
    """The width of a line; a column without a width takes no gap either."""
    shown = [one for one in columns if one]
    return sum(shown) + _GAP * (len(shown) - 1)


def cut(line: str, columns: int) -> str:
    """A line cut to the width, with … at the end if it was cut."""
    return line if display_width(line) <= columns else _start(line, columns - 1) + CUT


def cut_middle(name: str, columns: int) -> str:
    """A name cut to the width, with … in its middle: names often differ only in their last part."""
    if display_width(name) <= columns:
        return name
    end = _start(name[::-1], (columns - 1) // 2)[::-1]
    return _start(name, columns - 1 - display_width(end)) + CUT + end


def _start(text: str, columns: int) -> str:
    """As much of a text as fits into this width."""
    used = 0
    for index, one in enumerate(text):
        used += _columns_of(one)
        if used > columns:
            return text[:index]
    return text


def paragraph(text: str, *, width: int | None) -> str:
    """A line of text that may be long, as lines of this width if there is one."""
    return printable(text) if width is None else "\n".join(_wrapped(printable(text), width))


def facts(rows: Sequence[tuple[str, str]], *, width: int, style: Style = PLAIN) -> str:
    """Labels in a column, and the text of each beside it, wrapped under itself.

    A label that is a state has its colour, and so has what a text says in capitals.
    """
    column = max((len(label) for label, _ in rows), default=0) + _GAP
    room = max(MIN_ROOM, width - column)
    lines = []
    for label, text in rows:
        first, *rest = map(style.alarms, _wrapped(printable(text), room))
        begin = style.alarms(style.state(label)) + " " * (column - len(label))
        lines.append(f"{begin}{first}".rstrip())
        lines += [" " * column + line for line in rest]
    return "\n".join(lines)


def _wrapped(text: str, columns: int, *, breaks: bool = False) -> list[str]:
    """A text in lines, parted at spaces; a longer word has a line of its own, or is broken if `breaks`."""
    lines, line = [], ""
    for word in text.split(" "):
        if line and display_width(f"{line} {word}") > columns:
            lines.append(line.rstrip())
            line = word
        else:
            line = f"{line} {word}" if line else word
        while breaks and display_width(line) > columns:
            begin = _start(line, max(2, columns))
            lines.append(begin)
            line = line[len(begin) :]
    return [*lines, line]


def _lines_of(cell: str, columns: int, *, is_whole: bool, is_name: bool) -> list[str]:
    """The lines of a cell in a column of this width."""
    if not columns:
        return []
    if is_whole:
        return _wrapped(cell, columns, breaks=True)
    return [cut_middle(cell, columns) if is_name else cut(cell, columns)]


def _line(
    row: Sequence[str], columns: Sequence[int], right: Sequence[int], paints: Mapping[int, Paint]
) -> str:
    parts = []
    for index, cell in enumerate(row):
        space = " " * (columns[index] - display_width(cell))
        text = paints[index](cell) if index in paints else cell
        parts += [space + text if index in right else text + space] if columns[index] else []
    return (" " * _GAP).join(parts).rstrip()
