"""Reads the text of a file of variables (dotenv). Values are only values: nothing in them is expanded."""

import re
from typing import Final

from jobfile.model.environment import is_reserved
from jobfile.model.namedtuple import NamedTuple

MAX_VARIABLES: Final = 1_000
"""Maximum number of variables in a file."""
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*+", re.ASCII)
_START: Final = re.compile(r"[ \t]*+(?:export[ \t]++)?", re.ASCII)
_DOUBLE: Final = re.compile(r'(?:[^"\\]|\\.)*+', re.DOTALL)
_ESCAPE: Final = re.compile(r'\\([nrt"\\$`])')
_CONTROL: Final = {"n": "\n", "r": "\r", "t": "\t"}
_REST: Final = re.compile(r"[ \t]*+(?:#.*+)?")
_COMMENT: Final = re.compile(r"(?:^|[ \t])#.*+")
_DECIDES: Final = ("LD_", "GLIBC_TUNABLES", "BASH_ENV")
"""Variables by which a loader or a shell runs code before the job's own: starts of their names."""


class Variable(NamedTuple):
    """One variable, and the line where it is set, from 1."""

    name: str
    value: str
    line: int


class NotReadError(Exception):
    """What is wrong in which line; never a part of a value."""

    def __init__(self, line: int, why: str) -> None:
        """`why` continues a message after the place."""
        super().__init__(f"line {line}: {why}")
        self.line = line
        self.why = why


def parse_dotenv(text: str) -> tuple[Variable, ...]:
    """The variables of a text, in order; of two with one name the last counts. Raises NotReadError.

    A line is `NAME=value`, also after `export`, or a comment. In single quotes everything is as it is, in
    double quotes a backslash escapes n, r, t, $, `, " and itself; both may contain line ends. Without quotes,
    a # after a space begins a comment.
    """
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    found: dict[str, Variable] = {}
    at, line = 0, 1
    while at < len(text):
        one, end = _next(text, at, line)
        if one is not None:
            found.pop(one.name, None)
            found[one.name] = one
        if len(found) > MAX_VARIABLES:
            raise NotReadError(line, f"more than {MAX_VARIABLES:,} variables")
        line += text.count("\n", at, end)
        at = end
    return tuple(found.values())


def _next(text: str, at: int, line: int) -> tuple[Variable | None, int]:
    """The variable that begins here, if there is one, and where the next line begins."""
    end_of_line = _end(text, at)
    rest = text[at:end_of_line].strip(" \t")
    if not rest or rest.startswith("#"):
        return None, end_of_line + 1
    start = _START.match(text, at)
    assert start is not None, "it matches nothing, too"
    name = _NAME.match(text, start.end())
    if name is None or text[name.end() : name.end() + 1] != "=":
        raise NotReadError(line, "expected NAME=value, without spaces before the =")
    _refuse(name[0], line)
    value, end = _value(text, name.end() + 1, line)
    if "\0" in value:
        raise NotReadError(line, f"the value of {name[0]} has a NUL character")
    return Variable(name[0], value, line), end


def _refuse(name: str, line: int) -> None:
    if is_reserved(name):
        raise NotReadError(line, f"{name} is reserved: jobfile sets names that begin with JF_ or JOBFILE_")
    if name.startswith(_DECIDES):
        raise NotReadError(line, f"{name} decides what runs, so it cannot be in a file; set it in `env`")


def _value(text: str, at: int, line: int) -> tuple[str, int]:
    """The value that begins here, and where the next line begins."""
    while text[at : at + 1] in (" ", "\t"):
        at += 1
    quote = text[at : at + 1]
    if quote not in ("'", '"'):
        end = _end(text, at)
        return _COMMENT.sub("", text[at:end], count=1).rstrip(" \t"), end + 1
    if quote == "'":
        close = text.find("'", at + 1)
    else:
        inside = _DOUBLE.match(text, at + 1)
        close = -1 if inside is None or inside.end() == len(text) else inside.end()
    if close < 0:
        raise NotReadError(line, f"the quote {quote} is never closed")
    end = _end(text, close + 1)
    if not _REST.fullmatch(text, close + 1, end):
        raise NotReadError(line, "only a comment may follow the closing quote")
    value = text[at + 1 : close]
    if quote == '"':
        value = _ESCAPE.sub(lambda found: _CONTROL.get(found[1], found[1]), value)
    return value, end + 1


def _end(text: str, at: int) -> int:
    """Where the line ends."""
    end = text.find("\n", at)
    return len(text) if end < 0 else end
