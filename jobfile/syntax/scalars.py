"""How a scalar is written: the value of a plain one, and the place of each character of a value."""

import re
from collections.abc import Iterator
from functools import lru_cache
from math import isfinite
from typing import Final

from jobfile.model.regex import regex

_STARTS: Final = frozenset("-0123456789tfn~")
_CONSTANTS: Final = {"true": True, "false": False, "null": None, "~": None}
_NUMBER: Final = regex(r"-?(?:0|[1-9][0-9]{0,17})(\.[0-9]+)?([eE][-+]?[0-9]+)?")

_BLANKS: Final = regex(r"[ \t]*")
_BREAKS: Final = regex(r"(?:\r?\n[ \t]*)+")
_JOIN: Final = regex(r"\\\r?\n(?:[ \t]*\r?\n)*[ \t]*")
_ESCAPE: Final = regex(r"\\(?:x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|[^\r\n])")
_QUOTED_PAIR: Final = regex("''")
_WORDS: Final = regex(r"[^\\'\r\n \t]*")
_NEVER: Final = regex(r"(?!)")


def core_value(text: str) -> str | int | float | bool | None:
    """The value of a plain scalar under YAML 1.2's core schema: decimal number, true, false, null, or text.

    Integers of more than 18 digits and infinite numbers stay text.
    """
    if text[:1] not in _STARTS:
        return text or None
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    number = _NUMBER.fullmatch(text)
    if number is None:
        return text
    if number.lastindex is None:
        return int(text)
    value = float(text)
    return value if isfinite(value) else text


_OTHER: Final = regex(
    r"(?:y|n|yes|no|on|off|true|false|null)"
    r"|[-+]?0[0-7_]+|[-+]?0[xb][0-9a-f_]+|0o[0-7]+|[-+]?[0-9]+_[0-9_]*"
    r"|[-+]?[1-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9]*)?|[-+]?\.(?:inf|nan)|[-+]?\.[0-9]+|\+[0-9.]+"
    r"|[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[Tt ][0-9:.]+.*)?|=",
    re.IGNORECASE,
)
_OTHER_STARTS: Final = frozenset("yYnNoOtTfF0123456789+-.=")


def is_read_otherwise(text: str) -> bool:
    """Whether YAML 1.1 or another schema would not read a plain scalar as text, as we do."""
    return text[:1] in _OTHER_STARTS and _OTHER.fullmatch(text) is not None


Place = tuple[int, int]
"""Offsets of where a character of a value begins and ends in the scalar as written."""


@lru_cache(maxsize=2)
def value_places(written: str, style: str, value: str) -> tuple[Place, ...] | None:
    """The place of each character of a value in the scalar as written.

    `style` is the scalar's first sign, empty for a plain one. None if value and text do not match.
    """
    if style in ("|", ">"):
        return _block_places(written, value)
    return _flow_places(written, style, value)


def _flow_places(written: str, style: str, value: str) -> tuple[Place, ...] | None:
    """The places in a plain or quoted scalar (YAML 1.2, 6.5 and 7.3).

    A line break with the blanks around it is one space, each further break is a newline, and an escape is one
    character. In double quotes a backslash at the end of a line joins it with the next.
    """
    escape = {'"': _ESCAPE, "'": _QUOTED_PAIR}.get(style, _NEVER)
    at, end = (1, len(written) - 1) if style else (0, len(written))
    places: list[Place] = []
    while at < end:
        blanks = _BLANKS.match(written, at, end)
        text_at = blanks.end() if blanks else at
        if style == '"' and (join := _JOIN.match(written, at, end)):
            places += [join.span()] * (join[0].count("\n") - 1)
            at = join.end()
        elif breaks := _BREAKS.match(written, text_at, end):
            places += [(at, breaks.end())] * max(1, breaks[0].count("\n") - 1)
            at = breaks.end()
        elif pair := escape.match(written, at, end):
            places.append(pair.span())
            at = pair.end()
        else:
            words = _WORDS.match(written, text_at, end)
            stop = max(at + 1, words.end() if words else text_at)
            if not value.startswith(written[at:stop], len(places)):
                return None
            places += [(one, one + 1) for one in range(at, stop)]
            at = stop
    return tuple(places) if len(places) == len(value) else None


def _block_places(written: str, value: str) -> tuple[Place, ...] | None:
    """The places in a literal or folded scalar (YAML 1.2, 8.1): its lines without indentation.

    Which break became a newline, a space or nothing depends on many rules, so the value is followed instead:
    breaks and spaces in it belong to the place between two lines, until the next line begins.
    """
    places: list[Place] = []
    end = 0
    for start, line in _content_lines(written, value):
        while len(places) < len(value) and value[len(places)] in "\n " and not _begins(value, places, line):
            places.append((end, start))
        if not _begins(value, places, line):
            return None
        end = start + len(line)
        places += [(at, at + 1) for at in range(start, end)]
    if value[len(places) :].strip("\n"):
        return None
    return (*places, *[(end, end)] * (len(value) - len(places)))


def _begins(value: str, places: list[Place], line: str) -> bool:
    return value.startswith(line, len(places))


def _content_lines(written: str, value: str) -> Iterator[tuple[int, str]]:
    """The lines below the header that are not empty, each with its offset, without indentation."""
    indent = _indentation(written, value)
    at = written.find("\n") + 1
    while 0 < at < len(written):
        stop = written.find("\n", at)
        stop = len(written) if stop == -1 else stop
        line = written[at:stop].removesuffix("\r")
        if len(line) > indent:
            yield at + indent, line[indent:]
        at = stop + 1


def _indentation(written: str, value: str) -> int:
    """The indentation: what the first line with text has in the file and not in the value."""
    body = written[written.find("\n") + 1 :]
    return max(0, _first_margin(body) - _first_margin(value))


def _first_margin(text: str) -> int:
    for line in text.splitlines():
        if line.strip(" "):
            return len(line) - len(line.lstrip(" "))
    return 0
