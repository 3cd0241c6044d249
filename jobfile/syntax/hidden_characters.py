"""Finds characters that make a file look different from what a parser reads; runs before parsing."""

from typing import Final
from unicodedata import category, name

from jobfile.diagnostics.diagnostic import Diagnostic, Edit, Fix
from jobfile.diagnostics.source import Source
from jobfile.model.regex import regex

MAX_REPORTED: Final = 5
"""Maximum characters reported one by one in a file; the rest are counted."""

_HARMLESS_BYTES: Final = bytes([*b"\t\n", *range(0x20, 0x7F)])
_FORBIDDEN: Final = regex(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ufffe\uffff\ud800-\udfff]"
    "|\r(?!\n)"
)
_NO_BREAK_SPACE: Final = regex("(?m)^[ \t]*(\xa0)|(\xa0)(?=:)|(?<=:)(\xa0)")
_HIDDEN: Final = regex("[\xad\u061c\u180e\u200b-\u200f\u2060-\u2065\ufff9-\ufffb\U000e0000-\U000e007f]")
_LINE_ENDS: Final = "\r\x85\u2028\u2029"
_REORDERING: Final = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff"


def check_characters(source: Source) -> tuple[Diagnostic, ...]:
    """The forbidden characters of a text [JF015]; the first few one by one, the rest as a number."""
    text = source.text
    if text.isascii() and not text.encode().translate(None, _HARMLESS_BYTES):
        return ()
    found = [match.start() for match in _FORBIDDEN.finditer(text)]
    if "\xa0" in text:
        found += [match.start(match.lastindex or 0) for match in _NO_BREAK_SPACE.finditer(text)]
    found.sort()
    more = len(found) - MAX_REPORTED
    notes = (f"and {more} more such characters in this file",) if more > 0 else ()
    shown = found[:MAX_REPORTED]
    return tuple(_diagnose(source, at, notes if at == shown[-1] else ()) for at in shown)


def has_forbidden(value: str) -> bool:
    """Whether a value has a character that is forbidden in a file, even as an escape."""
    return not value.isprintable() and _FORBIDDEN.search(value) is not None


def has_hidden(text: str) -> bool:
    """Whether a text has a character without width; a key or a name may not."""
    return not text.isascii() and _HIDDEN.search(text) is not None


def describe(character: str) -> str:
    """A character by number and name: `U+00A0 (no-break space)`."""
    fallback = "control character" if category(character) == "Cc" else "not a character"
    known = "carriage return" if character == "\r" else name(character, fallback).lower()
    return f"U+{ord(character):04X} ({known})"


def first_forbidden(value: str) -> int | None:
    """Index of the first character of a value that is forbidden, or else hidden."""
    match = _FORBIDDEN.search(value) or _HIDDEN.search(value)
    return match.start() if match else None


def _diagnose(source: Source, at: int, notes: tuple[str, ...]) -> Diagnostic:
    character = source.text[at]
    span = source.span(at, at + 1)
    label, help_ = "not allowed in a file", "remove it"
    fixes: tuple[Fix, ...] = ()
    if character == "\xa0":
        label, help_ = "looks like a space but is not one", "write a space"
        fixes = (Fix(title="replace with a space", edits=(Edit(span=span, text=" "),)),)
    elif character in _LINE_ENDS:
        label, help_ = "some programs end the line here, editors do not", "end lines with LF or CR LF"
    elif character in _REORDERING:
        label = "makes text look different from what it is"
        fixes = (Fix(title="remove it", edits=(Edit(span=span, text=""),), safe=False),)
    return Diagnostic(
        code="JF015",
        message=f"forbidden character {describe(character)}",
        file=source.name,
        span=span,
        label=label,
        notes=notes,
        help=(help_,),
        fixes=fixes,
    )
