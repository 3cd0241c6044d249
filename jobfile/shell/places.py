"""The places of templates in a shell script, and the result of reading the script."""

import re
from dataclasses import field
from enum import StrEnum
from typing import Final

from jobfile.model.dataclass import dataclass
from jobfile.model.namedtuple import NamedTuple
from jobfile.model.regex import regex

SLOT: Final = "\0"
"""Placeholder for a template in the text of a word."""
QUOTED: Final = "\1"
"""Placeholder for quoted text, an expansion or a template in the unquoted text of a word."""

_ASSIGNMENT: Final = regex(r"[A-Za-z_][A-Za-z0-9_]*(\[.*\])?\+?=", re.DOTALL)


class Place(StrEnum):
    """The place of a template."""

    BARE = "bare"
    DOUBLE = "double"
    SINGLE = "single"
    HEREDOC = "heredoc"
    ARITHMETIC = "arithmetic"
    COMMENT = "comment"
    BACKTICKS = "JF411"
    BRACES = "JF412"
    DOLLAR_QUOTE = "JF413"
    QUOTED_HEREDOC = "JF415"
    AFTER_DOLLAR = "JF417"
    NAME = "JF417 name"
    AFTER_BACKSLASH = "JF418"
    DELIMITER = "JF419"
    UNKNOWN = "JF410"


@dataclass(slots=True)
class Word:
    """A word of a simple command: its text without quotes, and the templates in it."""

    start: int
    text: str = ""
    is_plain: bool = True
    """No part of it is quoted, expanded or filled in: only such a word can be a reserved word."""
    may_vanish: bool = False
    """It has an expansion outside quotes: it can become no word, or several."""
    slots: list[int] = field(default_factory=list)
    inner: list[int] = field(default_factory=list)
    """Templates in the commands whose output is part of the word."""
    subscript: list[int] = field(default_factory=list)
    """Templates in the brackets of `name[…]=`."""
    variables: list[str] = field(default_factory=list)
    spots: list[tuple[int, str]] = field(default_factory=list)
    """The place of an expansion in the text, and its variable; no name for `$( )`."""
    within: "list[Command]" = field(default_factory=list)
    """The commands whose output is part of the word, or named by it: `$( )`, `<( )`."""
    takers: "list[Command]" = field(default_factory=list)
    """The commands in `>( )`: they read the text written to the word."""
    is_stream: bool = False
    """It names the output of commands: `<( )`."""
    contents: list[int] = field(default_factory=list)
    """Templates whose values are in the file that the word names."""
    carried: list[int] = field(default_factory=list)
    """Templates whose values reach an assignment through variables."""
    bare: str = ""
    """The unquoted text: a shell finds braces, patterns and assignments only here."""
    end: int = 0

    @property
    def is_assignment(self) -> bool:
        """Whether it is `name=…`, judged by the text without quotes."""
        return _ASSIGNMENT.match(self.text) is not None

    @property
    def name(self) -> str:
        """Its name as a command, without the folder."""
        return self.text.rpartition("/")[2]


@dataclass(slots=True)
class Command:
    """A simple command or the words of `[[ ]]`, and its input."""

    words: list[Word]
    texts: list[Word] = field(default_factory=list)
    """Its here-documents and here-strings."""
    before: "tuple[Command, ...]" = ()
    """The command whose output it reads, or all commands of a compound command."""
    after: str = ""
    """The operator that ends it; empty at the end of a bracket."""
    is_condition: bool = False
    """It is the condition of `if`, `while`, `&&` or `||`: its failure does not fail the script."""
    is_top: bool = False
    """It is not inside a bracket, loop, branch or function."""
    is_captured: bool = False
    """Its output is part of a word."""
    follows: str = ""
    """The operator before it."""
    outputs: list[Word] = field(default_factory=list)
    """The files to which its standard output goes."""
    writes: list[Word] = field(default_factory=list)
    """The files to which the standard output of a surrounding compound command goes."""
    inputs: list[Word] = field(default_factory=list)
    """The files from which its standard input comes."""
    around: "list[tuple[list[Word], list[Word]]]" = field(default_factory=list)
    """The `texts` and `inputs` of each surrounding compound command."""
    feeds: "list[Command]" = field(default_factory=list)
    """Commands whose output reaches it through a surrounding compound command, or through `>( )`."""

    @property
    def stdin(self) -> list[int]:
        """Templates in its here-documents and here-strings."""
        return [slot for text in self.texts for slot in (*text.slots, *text.inner)]


class Part(NamedTuple):
    """A part of a script that only bash reads this way: its construct, and its place."""

    what: str
    start: int
    end: int


class Read(NamedTuple):
    """A variable that a script reads; `is_guarded` if the script handles a missing value."""

    name: str
    start: int
    end: int
    is_guarded: bool = False
    is_arithmetic: bool = False


class Evaluated(NamedTuple):
    """A text whose value bash evaluates, its place, and what evaluates it; the array of a subscript."""

    word: Word
    start: int
    reader: str
    array: str = ""


class Body(NamedTuple):
    """The name of a function, and where its commands begin and end."""

    name: str
    start: int
    end: int


@dataclass(slots=True)
class Notes:
    """Everything found in a script, shared by its brackets."""

    commands: list[Command] = field(default_factory=list)
    names: list[int] = field(default_factory=list)
    """Templates in the name of a function or variable."""
    targets: list[Word] = field(default_factory=list)
    """The targets of redirections that bash expands again: `>&word`, `{name[…]}>`."""
    loops: list[tuple[str, Word]] = field(default_factory=list)
    """The variable of a loop, and a word of its list."""
    defaults: list[tuple[str, Word]] = field(default_factory=list)
    """A variable set by `${name:=…}`, and what is in its value."""
    evaluated: list[Evaluated] = field(default_factory=list)
    """Text that bash evaluates: `$((name))`, `a[name]=`, `${!name}`, `${name@P}`."""
    bodies: list[Body] = field(default_factory=list)
    """The functions with a body in brackets."""
    bash: list[Part] = field(default_factory=list)
    """Constructs of bash."""
    reads: list[Read] = field(default_factory=list)
    """The variables whose values are used."""
    given: set[str] = field(default_factory=set)
    """The variables set without `name=`: by loops, by arithmetic, by `${name:=…}`."""
    background: list[tuple[int, str]] = field(default_factory=list)
    """Where a command is put in the background, and its name if it is a simple command."""
    functions: set[str] = field(default_factory=set)
    """The functions that the script defines."""


@dataclass(frozen=True, slots=True)
class Script:
    """The result: the place of each template, the commands, and where reading stopped early."""

    places: tuple[Place, ...]
    notes: Notes
    broken: tuple[int, str] | None
    """The place and name of a construct that never ends."""
    lost: tuple[int, str] | None
    """The place and name of the first construct that is not understood."""

    @property
    def commands(self) -> list[Command]:
        """The simple commands; inner brackets come first."""
        return self.notes.commands


class BrokenError(Exception):
    """A construct was opened and never closed."""

    def __init__(self, at: int, what: str) -> None:
        super().__init__(what)
        self.at = at
        self.what = what


class LostError(BrokenError):
    """From here on, it is not certain how a shell would read the script."""
