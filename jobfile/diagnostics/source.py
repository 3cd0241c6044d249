"""A named text, and places in it."""

from bisect import bisect_right
from functools import cached_property

from jobfile.model.dataclass import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A place in a source: line and column from 1, columns and offset in Unicode code points."""

    line: int
    column: int
    offset: int


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A range of a source; the end is exclusive."""

    start: Position
    end: Position


@dataclass(frozen=True)
class Source:
    """A named text: the file's name as the user wrote it, and its content without a byte order mark."""

    name: str
    text: str

    @cached_property
    def line_starts(self) -> tuple[int, ...]:
        """Offset of the first character of each line; a line ends with LF."""
        starts = [0]
        at = self.text.find("\n")
        while at != -1:
            starts.append(at + 1)
            at = self.text.find("\n", at + 1)
        return tuple(starts)

    def position(self, offset: int) -> Position:
        """The place of a code point offset; one past the end is allowed."""
        line = bisect_right(self.line_starts, offset)
        return Position(line, offset - self.line_starts[line - 1] + 1, offset)

    def span(self, start: int, end: int) -> Span:
        """The span between two code point offsets."""
        return Span(self.position(start), self.position(end))

    def line(self, number: int) -> str:
        """The text of a line counted from 1, without its line end."""
        start = self.line_starts[number - 1]
        end = self.line_starts[number] if number < len(self.line_starts) else len(self.text)
        return self.text[start:end].rstrip("\r\n")
