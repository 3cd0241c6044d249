"""Which words make a command: the grammar of one bracket of a shell script, fed with words and separators.

POSIX.1-2017 XCU 2.10, and what bash adds, as far as it decides where a command begins, whose bracket a `)`
is, and which words are only data (the list of a `for`, the patterns of a `case`).
"""

import re
from enum import Enum, auto
from typing import Final

from jobfile.shellplaces import Command, LostError, Notes, Word

MAX_WORDS: Final = 1000
"""Words of one simple command."""
_OPENERS: Final = frozenset(
    {"if", "then", "elif", "else", "fi", "while", "until", "do", "done", "!", "{", "}", "time"}
)
"""Reserved words after which a command may begin."""
_COMPOUND: Final = frozenset({"if", "while", "until", "for", "case", "select", "{"})
_HANDLE: Final = re.compile(r"[0-9]+|\{[A-Za-z_][A-Za-z0-9_]*\}")
"""A word directly before a redirection that is its number, or the variable for its number."""
_CLOSERS: Final = frozenset({"fi", "done", "esac", "}"})
RESERVED: Final = _OPENERS | _COMPOUND | {"esac", "function", "coproc"}


class Next(Enum):
    """What the next word of a frame will be."""

    COMMAND = auto()
    ARGUMENT = auto()
    LOOP_NAME = auto()
    LOOP_IN = auto()
    LOOP_LIST = auto()
    CASE_WORD = auto()
    CASE_IN = auto()
    PATTERN = auto()
    PATTERN_MORE = auto()
    FUNCTION_NAME = auto()
    COPROC_NAME = auto()
    COPROC_MORE = auto()


class Frame:
    """The commands of one bracket, or of the whole script."""

    def __init__(self, notes: Notes) -> None:
        """What is found goes to the notes, which all frames share."""
        self.notes = notes
        self.loop = ""
        self.word: Word | None = None
        self.words: list[Word] = []
        self.next = Next.COMMAND
        self.is_target = False
        self.redirection = ""
        self.stdin: list[int] = []
        self.before: tuple[Command, ...] = ()
        self.opened: list[int] = []
        self.compound: tuple[Command, ...] = ()
        self.cases = 0
        self.is_timed = False

    @property
    def may_assign(self) -> bool:
        """Whether a word that is `name=…` here would be an assignment."""
        return self.next in (Next.COMMAND, Next.ARGUMENT) and all(one.is_assignment for one in self.words)

    def end_word(self) -> None:
        """The current word, if there is one, is complete."""
        word, self.word = self.word, None
        if word is None:
            return
        if self.is_target:
            self.is_target = False
            self.stdin += [*word.slots, *word.inner] if self.redirection == "<<<" else []
            self.notes.targets += word.slots if self.redirection in (">&", "<&") else []
        elif self.is_timed and word.text in ("-p", "--"):
            pass  # an option of the reserved word `time`
        else:
            self.is_timed = self.next is Next.COMMAND and word.is_plain and word.text == "time"
            self._take(word)

    def redirect(self, at: int, sign: str) -> None:
        """A redirection was read at this offset: the next word is its target, and none of the command."""
        word = self.word
        if word is not None and word.is_plain and _HANDLE.fullmatch(word.text):
            self.word = None
        elif word is not None and word.text.startswith("{") and word.text.endswith("]}"):
            self.notes.targets += word.slots  # `{name[…]}>` is an assignment
        self.end_word()
        if self.is_target:
            raise LostError(at, "a redirection without a target")
        self.is_target, self.redirection = True, sign
        if self.next is Next.COMMAND:
            self.next = Next.ARGUMENT  # reserved words are none after a redirection

    def separate(self, at: int, sign: str) -> None:
        """A newline, or an operator between commands, was read at this offset."""
        self.end_word()
        if self.is_target:
            raise LostError(at, "a redirection without a target")
        waits = self.next in (Next.LOOP_IN, Next.CASE_IN, Next.PATTERN, Next.COPROC_NAME)
        if sign == "\n" and waits:
            return
        if self.next in (Next.PATTERN, Next.PATTERN_MORE):
            if sign != "|":
                raise LostError(at, f"`{sign}` in a pattern")
            return
        if self.next in (Next.LOOP_NAME, Next.CASE_WORD, Next.CASE_IN, Next.FUNCTION_NAME):
            raise LostError(at, f"`{sign}` in the middle of a command")
        command = self._flush()
        self.before = () if sign not in ("|", "|&") else (command,) if command else self.compound
        self.compound = ()
        if sign in (";;", ";&", ";;&"):
            if not self.cases:
                raise LostError(at, f"`{sign}` outside of case")
            self.next = Next.PATTERN

    def open_bracket(self) -> None:
        """A `(` where a command may stand was read: after its end comes another command."""
        for word in self.words:  # the name of a coproc
            self.notes.names += word.slots
        self.words, self.next = [], Next.COMMAND

    def close_bracket(self, first: int) -> None:
        """The commands from this one on were those of a bracket that has ended."""
        self.compound = tuple(self.notes.commands[first:])

    def close_pattern(self) -> bool:
        """A `)` was read: whether it ends a pattern of `case`."""
        if self.next is not Next.PATTERN_MORE:
            return False
        self.next = Next.COMMAND
        return True

    def name_function(self) -> None:
        """`()` was read: the one word before it is the name of a function."""
        self.end_word()
        if len(self.words) == 1 and self.next in (Next.ARGUMENT, Next.COMMAND):
            self.notes.names += self.words[0].slots
        self.words, self.next = [], Next.COMMAND

    def add(self, words: list[Word]) -> None:
        """A command that was read in another way, as `[[ ]]` is."""
        self.notes.commands.append(Command(words))
        self.next = Next.COMMAND

    def end(self) -> None:
        """Nothing follows."""
        self.end_word()
        self._flush()

    def _flush(self) -> Command | None:
        command = None
        if self.words and self.next is not Next.LOOP_LIST:
            command = Command(self.words, self.stdin, self.before)
            self.notes.commands.append(command)
        self.words, self.stdin, self.next = [], [], Next.COMMAND
        return command

    def _take(self, word: Word) -> None:
        reserved = word.text if word.is_plain and word.text in RESERVED else ""
        match self.next:
            case Next.COMMAND if reserved and not self.words:
                self._reserved(reserved)
            case Next.COMMAND | Next.ARGUMENT:
                self._add(word)
            case Next.LOOP_LIST:
                self.notes.loops += ((self.loop, slot) for slot in word.slots)
            case Next.LOOP_NAME | Next.FUNCTION_NAME:
                self.loop = word.text
                self.notes.names += word.slots
                self.next = Next.LOOP_IN if self.next is Next.LOOP_NAME else Next.COMMAND
            case Next.CASE_WORD:
                self.next = Next.CASE_IN
            case Next.LOOP_IN | Next.CASE_IN:
                self._after_head(word)
            case Next.PATTERN if reserved == "esac":
                self.next = Next.COMMAND
                self._reserved(reserved)
            case Next.PATTERN | Next.PATTERN_MORE:
                self.next = Next.PATTERN_MORE
            case Next.COPROC_NAME | Next.COPROC_MORE:
                self._coproc(word, reserved)

    def _add(self, word: Word) -> None:
        self.words.append(word)
        self.next = Next.ARGUMENT
        if len(self.words) > MAX_WORDS:
            raise LostError(word.start, f"a command of more than {MAX_WORDS} words")

    def _reserved(self, text: str) -> None:
        if text in _COMPOUND:
            self.opened.append(len(self.notes.commands))
        elif text in _CLOSERS and self.opened:
            self.compound = tuple(self.notes.commands[self.opened.pop() :])
        if text == "case":
            self.cases += 1
            self.next = Next.CASE_WORD
        elif text == "esac":
            self.cases = max(0, self.cases - 1)
        elif text in ("for", "select"):
            self.next = Next.LOOP_NAME
        elif text == "function":
            self.next = Next.FUNCTION_NAME
        elif text == "coproc":
            self.next = Next.COPROC_NAME

    def _after_head(self, word: Word) -> None:
        """The word after `for x` or `case x`."""
        is_loop = self.next is Next.LOOP_IN
        if word.is_plain and word.text == "in":
            self.next = Next.LOOP_LIST if is_loop else Next.PATTERN
        elif word.is_plain and word.text in ("do", "{") and is_loop:
            self.next = Next.COMMAND
        else:
            raise LostError(word.start, "`for` or `case` without `in`")

    def _coproc(self, word: Word, reserved: str) -> None:
        """`coproc NAME { … }` has a name, `coproc command word` has none."""
        if reserved in _COMPOUND:
            for first in self.words:
                self.notes.names += first.slots
            self.words, self.next = [], Next.COMMAND
            self._reserved(reserved)
        else:
            self.words.append(word)
            self.next = Next.COPROC_MORE if self.next is Next.COPROC_NAME else Next.ARGUMENT
