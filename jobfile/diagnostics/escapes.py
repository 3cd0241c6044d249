"""Makes untrusted text valid UTF-8 and safe to print on a terminal."""

import codecs
import re
from typing import Final

from jobfile.model.regex import regex

READABLE = "readable"
"""A codec error handler: a character that the encoding lacks is written as an escape, never refused."""


def readable(text: str) -> str:
    """A text as valid UTF-8: a byte of a file name that is not UTF-8 becomes an escape, as in `gr\\xf6n`."""
    return text if text.isascii() else text.encode("utf-8", READABLE).decode()


_STEERING: Final = regex(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")
"""Characters that move the cursor, begin a sequence, end a line or change the writing direction.

C0 without TAB and LF, DEL, C1 (ECMA-48), the separators and controls of Unicode (UAX 9).
"""
_OWN_COLOUR: Final = regex(r"\x1b\[(?:[0124]|22|39|3[1-7]|9[0-7])?m")


def printable(text: str) -> str:
    """One line that cannot control a terminal: control characters are shown, line ends become spaces."""
    return text if text.isprintable() else "".join(map(_shown, readable(text)))


def harmless(text: str) -> str:
    """Text of many lines that cannot control a terminal; our own colours stay."""
    if (
        text.replace("\n", "").isprintable() or _STEERING.search(text) is None
    ):  # the usual text needs no regex
        return text
    parts, at = [], 0
    for colour in _OWN_COLOUR.finditer(text):
        parts += [_STEERING.sub(_match_shown, text[at : colour.start()]), colour.group()]
        at = colour.end()
    return "".join([*parts, _STEERING.sub(_match_shown, text[at:])])


def message(text: str) -> str:
    """A message that cannot control a terminal; later lines are indented, so none looks like a new one."""
    first, *rest = map(printable, text.split("\n"))
    return "\n".join([first, *(line if line[:1] in ("", " ") else f"  {line}" for line in rest)])


def _match_shown(match: re.Match[str]) -> str:
    return _shown(match.group())


def _shown(sign: str) -> str:
    if sign.isprintable():
        return sign
    if sign in "\n\t":
        return " "
    number = ord(sign)
    return (
        f"\\x{number:02x}"
        if number < 0x100
        else f"\\u{number:04x}"
        if number < 0x10000
        else f"\\U{number:08x}"
    )


def _escaped(error: UnicodeError) -> tuple[str, int]:
    """Python stores such a byte as a surrogate, U+DC80 to U+DCFF: os.fsdecode()."""
    assert isinstance(error, UnicodeEncodeError)
    part = error.object[error.start : error.end]
    escapes = (
        f"\\x{ord(one) - 0xDC00:02x}" if "\udc80" <= one <= "\udcff" else ascii(one)[1:-1] for one in part
    )
    return "".join(escapes), error.end


codecs.register_error(READABLE, _escaped)
