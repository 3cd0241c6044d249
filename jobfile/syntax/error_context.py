"""Where a YAML parser failed, with the text and tokens around that place. This module does not parse."""

from collections.abc import Iterable
from functools import cached_property
from typing import Final

from jobfile.diagnostics.diagnostic import Diagnostic, Edit, Fix, Label
from jobfile.diagnostics.source import Source
from jobfile.model.dataclass import dataclass
from jobfile.model.namedtuple import NamedTuple
from jobfile.model.regex import regex

MAX_NAMED: Final = 60
"""Maximum characters of a text that a message quotes."""

_INDENT: Final = regex(r"[ \t]*")
_LEAD: Final = regex(
    r"[ \t]*+(?:-[ \t]++)*+"
    r"(?:(?:\"[^\"\n]*\"[ \t]*+|'[^'\n]*'[ \t]*+|[^\s\"'#\[\]{}&*!|>%@`:][^:#\n]*):[ \t]+)?"
)
_STOPS: Final = regex(r"\{\{|\}\}|[ \t]#")
_FLOW_STOPS: Final = regex(r"\{\{|\}\}|[ \t]#|[,\[\]{}]")


class Token(NamedTuple):
    """A token of YAML: `kind` is its sign (`{`, `-`) or `<scalar>`; `style` is a scalar's quote, if any.

    A tuple, because a hostile text has hundreds of thousands of them.
    """

    kind: str
    start: int
    end: int
    style: str = ""


@dataclass(frozen=True, kw_only=True)
class Stumble:
    """A YAML parser's error and its place, with the tokens that can be read; places are offsets."""

    source: Source
    problem: str
    context: str = ""
    at: int
    context_at: int | None = None
    tokens: tuple[Token, ...] = ()

    @property
    def text(self) -> str:
        """The whole file."""
        return self.source.text

    @cached_property
    def line_start(self) -> int:
        """Offset of the first character of the line of the problem."""
        return self.text.rfind("\n", 0, self.at) + 1

    @cached_property
    def indent(self) -> str:
        """The indentation of the line of the problem."""
        found = _INDENT.match(self.text, self.line_start)
        return found[0] if found else ""

    @cached_property
    def is_first_on_line(self) -> bool:
        """Whether the problem is the first text on its line."""
        return self.line_start + len(self.indent) == self.at < len(self.text)

    @cached_property
    def before(self) -> Token | None:
        """The last scalar that begins before the problem."""
        seen = [token for token in self.tokens if token.start < self.at and token.end > token.start]
        return seen[-1] if seen else None

    @cached_property
    def levels(self) -> tuple[int, ...]:
        """The columns of the blocks that are open before the line of the problem."""
        columns: list[int] = []
        for token in self.tokens:
            if token.start >= self.at:
                break
            if token.kind in ("<block mapping start>", "<block sequence start>"):
                columns.append(self.source.position(token.start).column)
            elif token.kind == "<block end>" and columns:
                columns.pop()
        return tuple(columns)

    @property
    def value_start(self) -> int:
        """Where the value begins on the line of the problem, after dashes and a key."""
        lead = _LEAD.match(self.text, self.line_start)
        return lead.end() if lead else self.line_start

    def says(self, *words: str) -> bool:
        """Whether the parser's message contains one of these words."""
        return any(word in self.problem for word in words)

    def brackets_before(self, at: int) -> list[int]:
        """Offsets of the brackets that are open at a place."""
        return unclosed_brackets(token for token in self.tokens if token.start < at)

    def visible(self) -> tuple[int, int]:
        """The character at the problem, or the last one of the file when the problem is its end."""
        end = len(self.text.rstrip())
        at = min(self.at, max(0, end - 1))
        return at, min(at + 1, end)


def unclosed_brackets(tokens: Iterable[Token]) -> list[int]:
    """Offsets of the brackets that some tokens open and do not close, outermost first."""
    opened: list[int] = []
    for token in tokens:
        if token.kind in ("[", "{"):
            opened.append(token.start)
        elif token.kind in ("]", "}") and opened:
            opened.pop()
    return opened


def value_end(text: str, start: int, *, is_in_flow: bool = False) -> int:
    """Where an unquoted value ends: at a comment, at the line's end or, in brackets, at `,` or a bracket.

    Everything inside a template belongs to the value.
    """
    line_end = text.find("\n", start)
    line = text[start : len(text) if line_end == -1 else line_end]
    last_closing = line.rfind("}}")
    is_in_template = False
    for stop in (_FLOW_STOPS if is_in_flow else _STOPS).finditer(line):
        if is_in_template:
            is_in_template = stop[0] != "}}"
        elif stop[0] == "{{" and stop.end() <= last_closing:
            is_in_template = True
        elif is_in_flow or stop[0][0] in " \t":
            return start + len(line[: stop.start()].rstrip())
    return start + len(line.rstrip())


def quote(text: str) -> str:
    """A text of one line as a quoted YAML scalar, in the quotes that need no escape if possible."""
    if '"' not in text and "\\" not in text:
        return f'"{text}"'
    return "'" + text.replace("'", "''") + "'"


def shorten(text: str) -> str:
    """A text from a file, short enough for a message."""
    return text if len(text) <= MAX_NAMED else text[: MAX_NAMED - 1] + "…"


def advise_quotes(text: str) -> str:
    """Advice for an unquoted text."""
    return f"write {quote(text)}" if len(text) <= MAX_NAMED else "put the whole value in quotes"


def quoting(source: Source, start: int, end: int) -> Fix:
    """The fix that puts a range of the text in quotes."""
    edit = Edit(span=source.span(start, end), text=quote(source.text[start:end]))
    return Fix(title="quote the value", edits=(edit,))


def mistake(
    source: Source,
    code: str,
    message: str,
    place: tuple[int, int],
    *,
    label: str = "",
    related: tuple[Label, ...] = (),
    notes: tuple[str, ...] = (),
    help_: tuple[str, ...] = (),
    fix: Fix | None = None,
) -> Diagnostic:
    """A diagnostic for a range of the text, given by offsets."""
    return Diagnostic(
        code=code,
        message=message,
        file=source.name,
        span=source.span(*place),
        label=label,
        related=related,
        notes=notes,
        help=help_,
        fixes=(fix,) if fix else (),
    )
