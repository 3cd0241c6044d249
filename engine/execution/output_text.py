"""The output of an attempt as text: without control sequences, and its last lines."""

import codecs
import re
from typing import TYPE_CHECKING, Final

from engine.core.errors import OutputsUnavailableError

if TYPE_CHECKING:
    from engine.execution.attempt_output import AttemptOutput

MAX_HELD: Final = 4096
"""Maximum length of an unfinished control sequence; anything longer is not one."""

TAIL_BYTES: Final = 65_536
"""Number of bytes at the end of an attempt's output that are searched for its last lines."""

MAX_LINE: Final = 200
"""Maximum number of characters shown of one of the last lines."""

_STRING: Final = r"(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])(?:(?!\x1b\\)[^\n\x07\x9c])*"
"""Strings that set a title, a clipboard or similar. An unfinished one ends with its line."""

_SEQUENCE: Final = re.compile(
    rf"(?:\x1b\[|\x9b)(?P<colour>[0-9;:]*)m|(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"
    rf"|{_STRING}(?:\x07|\x1b\\|\x9c|(?=\n))|\x1b[ -/]*[0-~]"
)
_UNENDED: Final = re.compile(rf"(?:(?:\x1b\[|\x9b)[0-?]*[ -/]*|{_STRING}|\x1b[ -/]*|\r)\Z")
_BIDI: Final = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
_STEERS: Final = re.compile(rf"[\x00-\x08\x0b-\x1f\x7f-\x9f{_BIDI}\u2028\u2029\ufeff\ud800-\udfff]")
_RESET: Final = "\x1b[0m"


class NeutralText:
    """Converts bytes to text that moves no cursor, sets no title and hides nothing. Colours may be kept."""

    def __init__(self, *, has_colour: bool) -> None:
        """Start at the beginning of a job's output."""
        self._has_colour = has_colour
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._held = ""
        self._is_coloured = False

    def feed(self, part: bytes) -> str:
        """Convert the next bytes; an unfinished sequence is held back."""
        text = self._held + self._decoder.decode(part)
        unended = _UNENDED.search(text)
        is_held = unended is not None and len(text) - unended.start() <= MAX_HELD
        cut = unended.start() if unended is not None and is_held else len(text)
        self._held = text[cut:]
        return self._neutral(text[:cut])

    def rest(self) -> str:
        """The text that was held back, at the end, with an end of colours."""
        text = self._held + self._decoder.decode(b"", final=True)
        self._held = ""
        return self._neutral(text) + self._reset()

    def _neutral(self, text: str) -> str:
        lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        for number, line in enumerate(lines):
            is_whole = number < len(lines) - 1
            # With the line end, because an unfinished string ends there.
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


def last_part(output: bytes, lines: int | None) -> bytes:
    """The last lines of an output; all of it for None."""
    if lines is None:
        return output
    start = len(output.removesuffix(b"\n"))
    for _ in range(lines):
        start = output.rfind(b"\n", 0, start)
        if start < 0:
            return output
    return output[start + 1 :] if lines else b""


def tail_of(output: "AttemptOutput", *, count: int) -> tuple[str, ...]:
    """The last lines, as a part of an answer; none when the store of outputs cannot be reached."""
    try:
        return last_lines(output, count=count)
    except OutputsUnavailableError:
        return ()


def last_lines(output: "AttemptOutput", *, count: int) -> tuple[str, ...]:
    """The last lines of an attempt's output, without control sequences and empty lines."""
    tail = b""
    for part in output.parts():
        tail = (tail + part)[-TAIL_BYTES:]
    text = NeutralText(has_colour=False)
    lines = (text.feed(tail) + text.rest()).split("\n")
    kept = [line.rstrip() for line in lines if line.strip()][-count:]
    return tuple(line if len(line) <= MAX_LINE else f"{line[:MAX_LINE]}…" for line in kept)
