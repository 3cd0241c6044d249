"""What a job wrote, shown on a terminal: as text that cannot steer it. A pipe gets the bytes as they are."""

import codecs
import re
import sys
from pathlib import Path
from typing import Final, TextIO

from engine.cli.output import is_coloured
from engine.supervisor.output import OutputTail

MAX_HELD: Final = 4096
"""So long a sequence may be that has not ended; a longer one is none."""

TAIL_BYTES: Final = 65_536
"""The end of what an attempt wrote in which its last lines are looked for."""

MAX_LINE: Final = 200
"""Characters of one of the last lines that are shown."""

_STRING: Final = r"(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])(?:(?!\x1b\\)[^\n\x07\x9c])*"
"""Titles, clipboards and the like. A string without an end ends with its line, so it swallows no other."""

_SEQUENCE: Final = re.compile(
    rf"(?:\x1b\[|\x9b)(?P<colour>[0-9;:]*)m|(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"
    rf"|{_STRING}(?:\x07|\x1b\\|\x9c|(?=\n))|\x1b[ -/]*[0-~]"
)
_UNENDED: Final = re.compile(rf"(?:(?:\x1b\[|\x9b)[0-?]*[ -/]*|{_STRING}|\x1b[ -/]*|\r)\Z")
_BIDI: Final = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
_STEERS: Final = re.compile(rf"[\x00-\x08\x0b-\x1f\x7f-\x9f{_BIDI}\u2028\u2029\ufeff\ud800-\udfff]")
_RESET: Final = "\x1b[0m"


class NeutralText:
    """Bytes in, text out that moves no cursor, sets no title and hides nothing. Colour may be let through."""

    def __init__(self, *, has_colour: bool) -> None:
        """Begin at the beginning of what a job wrote."""
        self._has_colour = has_colour
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._held = ""
        self._is_coloured = False

    def feed(self, part: bytes) -> str:
        """The text of the next bytes; a sequence that has not ended is held back."""
        text = self._held + self._decoder.decode(part)
        unended = _UNENDED.search(text)
        is_held = unended is not None and len(text) - unended.start() <= MAX_HELD
        cut = unended.start() if unended is not None and is_held else len(text)
        self._held = text[cut:]
        return self._neutral(text[:cut])

    def rest(self) -> str:
        """What was held back, at the end; colours end here."""
        text = self._held + self._decoder.decode(b"", final=True)
        self._held = ""
        return self._neutral(text) + self._reset()

    def _neutral(self, text: str) -> str:
        lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        for number, line in enumerate(lines):
            is_whole = number < len(lines) - 1
            # The line end is part of the search: a string without an end ends there.
            shown = self._line(f"{line}\n" if is_whole else line)
            lines[number] = shown.removesuffix("\n") + (self._reset() if is_whole else "")
        return "\n".join(lines)

    def _line(self, line: str) -> str:
        return _STEERS.sub(_shown, _SEQUENCE.sub("", line)) if not self._has_colour else self._coloured(line)

    def _coloured(self, line: str) -> str:
        parts, end = [], 0
        for found in _SEQUENCE.finditer(line):
            parts.append(_STEERS.sub(_shown, line[end : found.start()]))
            end = found.end()
            if found["colour"] is not None:
                parts.append(f"\x1b[{found['colour']}m")
                self._is_coloured = True
        return "".join(parts) + _STEERS.sub(_shown, line[end:])

    def _reset(self) -> str:
        was_coloured, self._is_coloured = self._is_coloured, False
        return _RESET if was_coloured else ""


def _shown(found: re.Match[str]) -> str:
    number = ord(found[0])
    return f"\\x{number:02x}" if number < 256 else f"\\u{number:04x}"


def last_lines(folder: Path, *, count: int) -> tuple[str, ...]:
    """The last lines that an attempt wrote, as text that cannot steer a terminal; empty ones left out."""
    tail, reader = b"", OutputTail(folder)
    while part := reader.read():
        tail = (tail + part)[-TAIL_BYTES:]
    text = NeutralText(has_colour=False)
    lines = (text.feed(tail) + text.rest()).split("\n")
    kept = [line.rstrip() for line in lines if line.strip()][-count:]
    return tuple(line if len(line) <= MAX_LINE else f"{line[:MAX_LINE]}…" for line in kept)


class OutputShown:
    """Prints what an attempt wrote, as it comes."""

    def __init__(self, tail: OutputTail, *, stream: TextIO | None = None) -> None:
        """Nothing is printed yet. The stream is standard output, unless another is given."""
        self.has_shown = False
        self._tail = tail
        self._stream = stream or sys.stdout
        self._text = NeutralText(has_colour=is_coloured()) if self._stream.isatty() else None

    def show_new(self) -> None:
        """Print what came since the last time."""
        part = self._tail.read()
        self.has_shown = self.has_shown or bool(part)
        self._write(part if self._text is None else self._text.feed(part).encode())

    def finish(self) -> None:
        """Print what is left."""
        self.show_new()
        if self._text is not None:
            self._write(self._text.rest().encode())

    def _write(self, part: bytes) -> None:
        self._stream.flush()
        self._stream.buffer.write(part)
        self._stream.buffer.flush()
