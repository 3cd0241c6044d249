"""The layout of a YAML text: what each line is, and the column at which it should begin."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from jobfile.diagnostics.source import Source
from jobfile.syntax.error_context import Token

STEP: Final = 2
"""Columns of indentation for one level."""

_MAP: Final = "<block mapping start>"
_LIST: Final = "<block sequence start>"
_END: Final = "<block end>"
_WHITE: Final = " \t"
_NO_VALUE: Final = (",", "]", "}")
"""Tokens after a colon in brackets that has no value."""


class What(StrEnum):
    """The kind of a line."""

    CODE = "code"
    INSIDE = "inside a value of several lines"
    BLOCK = "in a block scalar"
    NOTHING = "a comment, or blank"


@dataclass(slots=True)
class Line:
    """A line: its kind, where it begins now and where it should begin; a comment's place is found later.

    `comment` is the offset of the `#` of a comment after code.
    """

    what: What = What.NOTHING
    old: int = 0
    new: int = 0
    comment: int | None = None


@dataclass(frozen=True, slots=True)
class Level:
    """A block map or list that is open: its column now, and the one it should have."""

    is_list: bool
    old: int
    new: int
    is_flush: bool = False
    """A list at the column of its key: the tokens mark neither its begin nor its end."""


class UnusualError(Exception):
    """The text has something that the formatter does not change."""


@dataclass(slots=True)
class Layout:
    """All lines of a text, and the levels that were open at the end of each, for its comments."""

    lines: list[Line]
    levels: list[tuple[Level, ...]] = field(default_factory=list)
    gaps: list[tuple[int, int]] = field(default_factory=list)
    """Offsets of the space between a dash, or the colon after a key, and the value on its line."""


def lay_out(source: Source, tokens: Sequence[Token]) -> Layout:
    """The layout of a text that is valid YAML. Raises UnusualError for text that it does not handle."""
    return _Walk(source, tokens).layout()


class _Walk:
    """Goes through the tokens once and tracks the open levels."""

    def __init__(self, source: Source, tokens: Sequence[Token]) -> None:
        self.source = source
        self.tokens = [token for token in tokens if not token.kind.startswith("<stream")]
        count = len(source.line_starts) - source.text.endswith("\n")
        self.out = Layout([Line() for _ in range(count)], [()] * count)
        self.open: list[Level] = []
        self.brackets = 0
        self.bracket_shift = 0
        self.seen = -1

    def layout(self) -> Layout:
        """Walk through all tokens."""
        for index, token in enumerate(self.tokens):
            self.token(token, self.tokens[index + 1] if index + 1 < len(self.tokens) else None)
        return self.out

    def token(self, token: Token, following: Token | None) -> None:
        if token.kind in (_MAP, _LIST):
            self.begin(token)
            return
        if token.kind == _END:
            self.close_flush()
            self.open.pop()
            return
        if token.end == token.start and token.kind != "?":
            return
        row, column = self.place(token.start)
        if token.kind == "?" and not self.brackets:
            self.close_flush()
            if self.source.text[token.start : token.start + 2] in ("? ", "?\n", "?\r"):
                raise UnusualError
        if token.kind == "-":
            self.dash(token, following, column)
        has_value = following is not None and following.kind not in _NO_VALUE
        if (
            token.kind == ":"
            and following is not None
            and has_value
            and self.place(following.start)[0] == row
        ):
            self.out.gaps.append((token.end, following.start))
        if self.is_first(token.start, row) and self.seen < row:
            self.start_line(token, row, column)
        self.content(token, row)

    def place(self, offset: int) -> tuple[int, int]:
        """Line and column of an offset, both from 0."""
        position = self.source.position(offset)
        return position.line - 1, position.column - 1

    def is_first(self, offset: int, row: int) -> bool:
        return not self.source.text[self.source.line_starts[row] : offset].strip(_WHITE)

    def begin(self, token: Token) -> None:
        """Open a block map or list: one step deeper than its parent, also directly after a dash."""
        _, column = self.place(token.start)
        is_list = token.kind == _LIST
        if not is_list:
            self.leave_flush(column)
        new = self.open[-1].new + STEP if self.open else 0
        self.open.append(Level(is_list, column, new))

    def leave_flush(self, column: int) -> None:
        """Close flush lists that a map at this column cannot be part of."""
        while self.open and self.open[-1].is_flush and column <= self.open[-1].old:
            self.open.pop()

    def close_flush(self) -> None:
        if self.open and self.open[-1].is_flush:
            self.open.pop()

    def dash(self, token: Token, following: Token | None, column: int) -> None:
        top = self.open[-1]
        if not top.is_list:
            self.open.append(Level(is_list=True, old=column, new=top.new + STEP, is_flush=True))
        if following is not None and self.place(following.start)[0] == self.place(token.start)[0]:
            self.out.gaps.append((token.end, following.start))

    def start_line(self, token: Token, row: int, column: int) -> None:
        """Set where a line should begin; `token` is its first one."""
        line = self.out.lines[row]
        line.what, line.old = What.CODE, column
        if self.brackets:
            line.what = What.INSIDE
            line.new = max(0, column + self.bracket_shift)
        elif token.kind in ("-", "?") or not self.open:
            line.new = self.open[-1].new if self.open else column
        else:
            line.new = self.open[-1].new + STEP
        self.seen = row

    def content(self, token: Token, row: int) -> None:
        """Record what a token covers: lines of its own, a bracket, or a place
        after which a comment may follow.
        """
        if token.kind in ("[", "{"):
            if not self.brackets:
                self.bracket_shift = self.shift_of(row)
            self.brackets += 1
        elif token.kind in ("]", "}"):
            self.brackets -= 1
        if token.kind == "<scalar>" and token.style in ("|", ">"):
            self.block(token, row)
            return
        last = self.place(max(token.start, token.end - 1))[0]
        for inner in range(row + 1, last + 1):
            self.inside(inner, row)
        self.note_comment(token.end, last)

    def shift_of(self, row: int) -> int:
        return self.out.lines[row].new - self.out.lines[row].old

    def inside(self, inner: int, row: int) -> None:
        """Move a continuation line of a plain or quoted value by as much as the value's first line."""
        line = self.out.lines[inner]
        text = self.source.line(inner + 1)
        line.what, line.old = What.INSIDE, len(text) - len(text.lstrip(_WHITE))
        least = self.open[-1].new + 1 if self.open else 0
        line.new = max(least, line.old + self.shift_of(row)) if text.strip(_WHITE) else 0
        self.seen = max(self.seen, inner)

    def block(self, token: Token, row: int) -> None:
        """Move a block scalar as a whole, so that its text begins one step deeper than its key.

        With an indentation indicator (`|2`), the number is part of the text: then the depth below the parent
        stays.
        """
        header = self.source.line(row + 1)[self.place(token.start)[1] :]
        has_indicator = any(sign.isdigit() for sign in header.split("#")[0])
        if "#" in header:
            self.out.lines[row].comment = token.start + header.index("#")
        last = self.place(max(token.start, token.end - 1))[0]
        if "+" not in header.split("#")[0]:
            while last > row and not self.source.line(last + 1).strip(" "):
                last -= 1  # only with `+` are blank lines after the text part of it
        rows = range(row + 1, min(last + 1, len(self.out.lines)))
        texts = {inner: self.source.line(inner + 1) for inner in rows}
        least = min((_margin(text) for text in texts.values() if text.strip(" ")), default=0)
        parent = self.open[-1] if self.open else Level(is_list=False, old=0, new=0)
        new = least + parent.new - parent.old if has_indicator else parent.new + STEP
        for inner, text in texts.items():
            line = self.out.lines[inner]
            line.what, line.old, line.new = (
                What.BLOCK,
                least,
                new if text.strip(" ") or _margin(text) > least else 0,
            )
            self.seen = max(self.seen, inner)
        self.out.levels[row] = tuple(self.open)

    def note_comment(self, offset: int, row: int) -> None:
        """Remember the place of a comment after code, and the levels that are open there."""
        starts = self.source.line_starts
        end = starts[row + 1] if row + 1 < len(starts) else len(self.source.text)
        rest = self.source.text[offset:end]
        is_comment = rest.lstrip(_WHITE)[:1] == "#" and rest[:1] in _WHITE
        self.out.lines[row].comment = offset + rest.index("#") if is_comment else None
        self.out.levels[row] = tuple(self.open)


def _margin(text: str) -> int:
    return len(text) - len(text.lstrip(" "))
