"""Parts of a long output: some of its lines, its last lines, and the lines with a text.

The output is read in parts and never held as a whole, so its length costs time and no memory.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from engine.execution.attempt_output import AttemptOutput
from jobfile.model.namedtuple import NamedTuple

MAX_LINE_BYTES: Final = 65_536
"""What is kept of a line; of a longer one the rest is left out."""
MAX_WINDOW_BYTES: Final = 1_048_576
"""Maximum size of a window: one of very long lines has fewer of them."""


class Window(NamedTuple):
    """Lines of an output one after the other; the first line of the output is number 1."""

    first: int
    lines: tuple[bytes, ...]
    total: int
    """Number of lines of the whole output, with an unfinished one at its end."""

    @property
    def last(self) -> int:
        """The number of its last line."""
        return self.first + len(self.lines) - 1


class Found(NamedTuple):
    """The first lines with a text, by number, and whether there are more."""

    lines: tuple[tuple[int, bytes], ...]
    is_all: bool


def read_window(output: AttemptOutput, *, first: int | None, most: int) -> Window:
    """The lines from a number on, at most `most`; without a number the last ones."""
    total = _count(output.parts())
    begin = max(1, total - most + 1) if first is None else first
    kept: list[bytes] = []
    size = 0
    for number, block in _blocks(output.parts(), begin=begin):
        for at, line in enumerate(_lines(block), start=number):
            if at < begin:
                continue
            if len(kept) == most or at > total or size > MAX_WINDOW_BYTES:
                return Window(begin, tuple(kept), total)
            kept.append(line)
            size += len(line)
    return Window(begin, tuple(kept), total)


def find_lines(output: AttemptOutput, text: str, *, most: int) -> Found:
    """The first lines that have a text, whatever its case is."""
    wanted = text.encode().lower()
    found: list[tuple[int, bytes]] = []
    for number, block in _blocks(output.parts()):
        if wanted not in block.lower():
            continue
        for at, line in enumerate(_lines(block), start=number):
            if wanted in line.lower():
                if len(found) == most:
                    return Found(tuple(found), is_all=False)
                found.append((at, line))
    return Found(tuple(found), is_all=True)


def _count(parts: Iterable[bytes]) -> int:
    """The number of lines, with an unfinished one at the end."""
    count, end = 0, b"\n"
    for part in parts:
        count += part.count(b"\n")
        end = part[-1:]
    return count + (end != b"\n")


def _blocks(parts: Iterable[bytes], *, begin: int = 1) -> Iterator[tuple[int, bytes]]:
    """Whole lines, many at a time, with the number of the first; the last may be unfinished. Blocks that end
    before the line `begin` may be left out.
    """
    number, rest = 1, b""
    for part in parts:
        if number < begin and number + (lines := part.count(b"\n")) < begin:
            number += lines
            rest = b""  # the line that it belongs to is before `begin`, too
            continue
        text = rest + part
        end = text.rfind(b"\n") + 1
        if not end:
            rest = text[:MAX_LINE_BYTES]
            continue
        yield number, text[:end]
        number += text.count(b"\n", 0, end)
        rest = text[end:]
    if rest:
        yield number, rest


def _lines(block: bytes) -> Iterator[bytes]:
    for line in block.removesuffix(b"\n").split(b"\n"):
        yield line[:MAX_LINE_BYTES]
