"""A few lines of a source, with places marked below them, for a terminal."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final
from unicodedata import category, combining, east_asian_width

from jobfile.diagnostics.source import Source, Span
from jobfile.model.dataclass import dataclass

CONTEXT_LINES: Final = 2
"""Lines shown above the marked one."""
LONG_LINE: Final = 2_000
"""Maximum characters read of a line, around the marked place."""
STRIDE: Final = 500
"""The part read of a long line begins at a multiple of this, so that many findings share one part."""
CUT: Final = "…"
_ESCAPED: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A place to mark and the text beside it; the primary mark is the finding itself."""

    span: Span
    text: str
    is_primary: bool


@dataclass(frozen=True, slots=True)
class Row:
    """A row of an excerpt: a line's number and text, or marks below it; `number` None for marks.

    `parts` are pieces of the row, each with its colour: the primary mark's, another mark's or none.
    """

    number: int | None
    parts: tuple[tuple[str, bool | None], ...]

    @property
    def text(self) -> str:
        """The row without colours."""
        return "".join(text for text, _ in self.parts)


def visible(text: str) -> str:
    """A text with each control, format and line-breaking character as an escape: `\\x1b`, `\\u202e`."""
    return text if text.isascii() and text.isprintable() else "".join(_cell(sign) for sign in text)


def excerpt(source: Source, marks: Sequence[Mark], *, width: int) -> Iterable[Row | None]:
    """The lines of all marks and up to two above the primary one; None stands for omitted lines."""
    by_line: dict[int, list[Mark]] = {}
    for mark in marks:
        by_line.setdefault(_shown_line(source, mark), []).append(mark)
    primary = next(_shown_line(source, mark) for mark in marks if mark.is_primary)
    numbers = sorted({*_context(source, primary), *by_line})
    shown = 0
    for number in numbers:
        if shown and number - shown == 2:
            yield from _line_rows(source, number - 1, [], width=width)
        elif shown and number - shown > 1:
            yield None
        yield from _line_rows(source, number, by_line.get(number, []), width=width)
        shown = number


def _shown_line(source: Source, mark: Mark) -> int:
    return min(mark.span.start.line, len(source.line_starts))


def _context(source: Source, primary: int) -> range:
    """The lines above the primary one, without blank lines at their top."""
    first = max(1, primary - CONTEXT_LINES)
    while first < primary and not source.line(first).strip():
        first += 1
    return range(first, primary)


@dataclass(frozen=True, slots=True)
class _Line:
    """A line as cells: how each character is shown, and where it begins on the screen."""

    cells: tuple[str, ...]
    columns: tuple[int, ...]

    def column(self, index: int) -> int:
        """Where a character begins on the screen; a place after the end of the line is its end."""
        return self.columns[max(0, min(index, len(self.cells)))]


def _line_rows(source: Source, number: int, marks: Sequence[Mark], *, width: int) -> Iterable[Row]:
    text = source.line(number)
    skipped = 0
    if len(text) > LONG_LINE and marks:
        main = next((mark for mark in marks if mark.is_primary), marks[0])
        skipped = max(0, main.span.start.column - LONG_LINE // 2) // STRIDE * STRIDE
    line = _measure(text[skipped : skipped + LONG_LINE])
    places = [(*_place(line, mark, number, skipped), mark) for mark in marks]
    left, right = _window(line.columns[-1], places, width)
    yield Row(number, ((_cut(line, left, right), None),))
    if places:
        shift = left - (1 if left else 0)
        moved = [
            (max(start, left) - shift, max(start + 1, min(end, right)) - shift, mark)
            for start, end, mark in places
            if end > left and start <= right
        ]
        yield from _mark_rows(sorted(moved, key=lambda place: (place[0], not place[2].is_primary)))


@lru_cache(maxsize=16)
def _measure(text: str) -> _Line:
    if text.isascii() and text.isprintable():
        return _Line(tuple(text), tuple(range(len(text) + 1)))
    cells = tuple("→" if sign == "\t" else _cell(sign) for sign in text)
    columns = [0]
    for cell in cells:
        columns.append(columns[-1] + sum(_width(sign) for sign in cell))
    return _Line(cells, tuple(columns))


def _cell(sign: str) -> str:
    if category(sign) not in _ESCAPED:
        return sign
    number = ord(sign)
    return f"\\x{number:02x}" if number <= 0xFF else f"\\u{number:04x}"


def _width(sign: str) -> int:
    """Terminal columns that a character takes."""
    if combining(sign) or category(sign) in ("Mn", "Me"):
        return 0
    return 2 if east_asian_width(sign) in "WF" else 1


def _place(line: _Line, mark: Mark, number: int, skipped: int) -> tuple[int, int]:
    """The columns of a mark on its first line, after the skipped characters; at least one wide."""
    first = mark.span.start.column - 1 - skipped if mark.span.start.line == number else len(line.cells)
    last = mark.span.end.column - 1 - skipped if mark.span.end.line == number else len(line.cells)
    start = line.column(first)
    return start, max(start + 1, line.column(max(first, last)))


def _window(length: int, places: Sequence[tuple[int, int, Mark]], width: int) -> tuple[int, int]:
    """The columns of a line to show: all, or those that fit around the primary mark."""
    if length <= width or not places:
        return 0, min(length, width)
    start, end, _ = next((place for place in places if place[2].is_primary), places[0])
    room = max(1, width - 2)
    left = max(0, min(start - max(0, room - (end - start)) // 2, length - room))
    return (0, room) if left <= 1 and start <= room else (left, min(length, left + room))


def _cut(line: _Line, left: int, right: int) -> str:
    """The cells between two columns; a sign shows that text is omitted at either end."""
    shown: list[str] = []
    first, last = max(0, bisect_left(line.columns, left) - 1), bisect_right(line.columns, right)
    columns = line.columns[first : last + 1]
    for cell, start, end in zip(line.cells[first:], columns, columns[1:], strict=False):
        if left <= start and end <= right:
            shown.append(cell)
        elif start < left < end:
            shown.append(" " * (end - left))
    before = CUT if left else ""
    after = CUT if right < line.columns[-1] else ""
    return before + "".join(shown) + after


def _mark_rows(places: Sequence[tuple[int, int, Mark]]) -> Iterable[Row]:
    """Marks below a line: the last mark has its text beside it, the others have theirs below, last first."""
    width = max(end for _, end, _ in places)
    signs: list[tuple[str, bool | None]] = [(" ", None)] * width
    for start, end, mark in sorted(places, key=lambda place: place[2].is_primary):
        signs[start:end] = [("^" if mark.is_primary else "-", mark.is_primary)] * (end - start)
    *others, (_, _, last) = places
    beside = [(f" {visible(last.text)}", last.is_primary)] if last.text else []
    yield Row(None, _merge([*signs, *beside]))
    hanging = [(start, mark) for start, _, mark in others if mark.text]
    if hanging:
        yield Row(None, _merge(_stems(hanging)))
    while hanging:
        start, mark = hanging.pop()
        stems = _stems([place for place in hanging if place[0] < start])
        gap = [(" ", None)] * (start - len(stems))
        yield Row(None, _merge([*stems, *gap, (visible(mark.text), mark.is_primary)]))


def _stems(places: Sequence[tuple[int, Mark]]) -> list[tuple[str, bool | None]]:
    """Lines that lead from marks down to their texts."""
    signs: list[tuple[str, bool | None]] = []
    for start, mark in places:
        signs += [(" ", None)] * (start - len(signs))
        if start == len(signs):
            signs.append(("|", mark.is_primary))
    return signs


def _merge(signs: Iterable[tuple[str, bool | None]]) -> tuple[tuple[str, bool | None], ...]:
    """Adjacent pieces of one colour as one part."""
    parts: list[tuple[str, bool | None]] = []
    for text, paint in signs:
        if parts and parts[-1][1] is paint:
            parts[-1] = (parts[-1][0] + text, paint)
        else:
            parts.append((text, paint))
    return tuple(parts)
