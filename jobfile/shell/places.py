"""The places of a shell script in which a template may stand, and what was read of the script."""

import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, NamedTuple

SLOT: Final = "\0"
"""Stands for a template in the text of a word."""
QUOTED: Final = "\1"
"""Stands for quoted text, an expansion or a template in the unquoted text of a word."""

_ASSIGNMENT: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\[.*\])?\+?=", re.DOTALL)


class Place(StrEnum):
    """Where a template stands."""

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
    """Nothing of it is quoted, expanded or filled in: only such a word can be a reserved one."""
    may_vanish: bool = False
    """It has an expansion outside of quotes: it may become no word, or several."""
    slots: list[int] = field(default_factory=list)
    inner: list[int] = field(default_factory=list)
    """Templates in the commands whose output is part of the word."""
    subscript: list[int] = field(default_factory=list)
    """Templates in the brackets of `name[…]=`."""
    variables: list[str] = field(default_factory=list)
    spots: list[tuple[int, str]] = field(default_factory=list)
    """Where in the text an expansion stands, and its variable; no name where it is `$( )`."""
    within: "list[Command]" = field(default_factory=list)
    """The commands whose output is part of the word, or is what it names: `$( )`, `<( )`."""
    takers: "list[Command]" = field(default_factory=list)
    """The commands in `>( )`: they read what is written to the word."""
    is_stream: bool = False
    """It names the output of commands, as `<( )` does."""
    contents: list[int] = field(default_factory=list)
    """Templates whose values are in the file that the word names."""
    carried: list[int] = field(default_factory=list)
    """Templates whose values come into an assignment through variables."""
    bare: str = ""
    """The unquoted text: only in it a shell finds braces, patterns and assignments."""
    end: int = 0

    @property
    def is_assignment(self) -> bool:
        """Whether it is `name=…`, as far as the text without quotes tells."""
        return _ASSIGNMENT.match(self.text) is not None

    @property
    def name(self) -> str:
        """What it is called as a command: without the folder."""
        return self.text.rpartition("/")[2]


@dataclass(slots=True)
class Command:
    """A simple command, or the words of `[[ ]]`; and what it reads."""

    words: list[Word]
    texts: list[Word] = field(default_factory=list)
    """Its here-documents and here-strings."""
    before: "tuple[Command, ...]" = ()
    """The command whose output it reads, or all those of the compound one."""
    after: str = ""
    """The operator that ends it; nothing at the end of a bracket."""
    is_condition: bool = False
    """It decides what `if`, `while`, `&&` or `||` does: its failure is not one of the script."""
    is_top: bool = False
    """No bracket, loop, branch or function is around it."""
    is_captured: bool = False
    """Its output is part of a word."""
    follows: str = ""
    """The operator before it."""
    outputs: list[Word] = field(default_factory=list)
    """The files that its standard output goes to."""
    writes: list[Word] = field(default_factory=list)
    """The files that the standard output of a compound command around it goes to."""
    inputs: list[Word] = field(default_factory=list)
    """The files that its standard input comes from."""
    around: "list[tuple[list[Word], list[Word]]]" = field(default_factory=list)
    """The `texts` and `inputs` of each compound command around it."""
    feeds: "list[Command]" = field(default_factory=list)
    """Commands whose output comes to it through a compound command around it, or through `>( )`."""

    @property
    def stdin(self) -> list[int]:
        """Templates in its here-documents and here-strings."""
        return [slot for text in self.texts for slot in (*text.slots, *text.inner)]


class Part(NamedTuple):
    """A part of a script that only bash reads so: what it is, and where."""

    what: str
    start: int
    end: int


class Read(NamedTuple):
    """A variable that a script reads; one is guarded when the script says what to do without a value."""

    name: str
    start: int
    end: int
    is_guarded: bool = False
    is_arithmetic: bool = False


class Evaluated(NamedTuple):
    """Something whose value bash evaluates, where, and by what; the array whose subscript it is."""

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
    """What the brackets of a script have in common: all that was found on the way."""

    commands: list[Command] = field(default_factory=list)
    names: list[int] = field(default_factory=list)
    """Templates that stand for the name of a function or variable."""
    targets: list[Word] = field(default_factory=list)
    """The targets of redirections that bash expands once more: `>&word`, `{name[…]}>`."""
    loops: list[tuple[str, Word]] = field(default_factory=list)
    """The variable of a loop, and a word of its list."""
    defaults: list[tuple[str, Word]] = field(default_factory=list)
    """A variable that `${name:=…}` gives a value, and what is in the value."""
    evaluated: list[Evaluated] = field(default_factory=list)
    """What bash evaluates: `$((name))`, `a[name]=`, `${!name}`, `${name@P}`."""
    bodies: list[Body] = field(default_factory=list)
    """The functions with a body in brackets."""
    bash: list[Part] = field(default_factory=list)
    """What only bash reads so."""
    reads: list[Read] = field(default_factory=list)
    """The variables whose values are used."""
    given: set[str] = field(default_factory=set)
    """The variables that get a value other than by `name=`: of loops, of arithmetic, by `${name:=…}`."""
    background: list[tuple[int, str]] = field(default_factory=list)
    """Where a command is put in the background, and its name if it is a simple one."""
    functions: set[str] = field(default_factory=set)
    """The functions that the script defines."""


@dataclass(frozen=True, slots=True)
class Script:
    """What was read: the place of each template, the commands, and where reading ended early."""

    places: tuple[Place, ...]
    notes: Notes
    broken: tuple[int, str] | None
    """Where something begins that never ends, and what."""
    lost: tuple[int, str] | None
    """Where the first construct stands that is not understood, and what it is."""

    @property
    def commands(self) -> list[Command]:
        """The simple commands, those of inner brackets first."""
        return self.notes.commands


class BrokenError(Exception):
    """Something was opened and never closed."""

    def __init__(self, at: int, what: str) -> None:
        super().__init__(what)
        self.at = at
        self.what = what


class LostError(BrokenError):
    """From here on it is not certain how a shell would read the script."""
