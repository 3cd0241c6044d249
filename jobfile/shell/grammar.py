"""Groups words into commands: the grammar of one bracket of a shell script. The lexer feeds it words and
separators.

It follows POSIX.1-2017 XCU 2.10 and bash's additions, as far as needed to know where a command begins, what a
`)` closes, and which words are only data (the list of a `for`, the patterns of a `case`).
"""

from enum import Enum, auto
from typing import Final

from jobfile.model.regex import regex
from jobfile.shell.places import SLOT, Body, Command, LostError, Notes, Part, Word

MAX_WORDS: Final = 1000
"""Maximum words of one simple command."""
_OPENERS: Final = frozenset(
    {"if", "then", "elif", "else", "fi", "while", "until", "do", "done", "!", "{", "}", "time"}
)
"""Reserved words after which a command may begin."""
_COMPOUND: Final = frozenset({"if", "while", "until", "for", "case", "select", "{"})
_HANDLE: Final = regex(r"[0-9]+|\{[A-Za-z_][A-Za-z0-9_]*\}")
"""A word directly before a redirection, without a blank: its descriptor, or the variable for it (XCU 2.7)."""
_CLOSERS: Final = frozenset({"fi", "done", "esac", "}"})
_ONLY_BASH: Final = frozenset({"function", "select", "coproc"})
BRACES: Final = regex(
    r"\{(?:[^{},]*,[^{}]*|-?\d+\.\.-?\d+(?:\.\.-?\d+)?|[A-Za-z]\.\.[A-Za-z](?:\.\.-?\d+)?)\}"
)
"""Braces that bash expands to several words."""
RESERVED: Final = _OPENERS | _COMPOUND | {"esac", "function", "coproc"}


class Next(Enum):
    """The role of the next word of a frame."""

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

    def __init__(self, notes: Notes, *, is_inner: bool = False) -> None:
        """Results are recorded in the notes, which all frames share."""
        self.notes = notes
        self.loop = ""
        self.word: Word | None = None
        self.words: list[Word] = []
        self.next = Next.COMMAND
        self.is_target = self.is_redirected = False
        self.redirection = ""
        self.texts: list[Word] = []
        self.inputs: list[Word] = []
        self.before: tuple[Command, ...] = ()
        self.opened: list[tuple[int, tuple[Command, ...]]] = []
        self.functions: list[tuple[str, int, int]] = []
        self.compound: tuple[Command, ...] = ()
        self.cases = 0
        self.is_timed = False
        self.is_inner = is_inner
        self.blocks: list[str] = []
        self.follows = ""
        self.handle = ""
        self.begin = 0
        self.outputs: list[Word] = []

    @property
    def may_assign(self) -> bool:
        """Whether `name=…` here would be an assignment: only assignments are before
        it (XCU 2.10.2, rule 7).
        """
        return self.next in (Next.COMMAND, Next.ARGUMENT) and all(one.is_assignment for one in self.words)

    def end_word(self) -> None:
        """End the current word, if there is one."""
        word, self.word = self.word, None
        if word is None:
            return
        if self.is_target:
            self.is_target = False
            self.texts += [word] if self.redirection == "<<<" else []
            self.inputs += [word] if self.redirection == "<" else []
            self.notes.targets += [word] if self.redirection in (">&", "<&") else []
            self._redirected(word)
        elif self.is_timed and word.text in ("-p", "--"):
            pass  # an option of the reserved word `time`
        else:
            self.is_timed = self.next is Next.COMMAND and word.is_plain and word.text == "time"
            self._take(word)

    def redirect(self, at: int, sign: str) -> None:
        """A redirection was read at this offset: the next word is its target, not part of the command."""
        word = self.word
        self.begin, self.handle = at, ""
        if word is not None and word.is_plain and _HANDLE.fullmatch(word.text):
            self._handle(word, at)
            self.word = None
        elif word is not None and word.text.startswith("{") and word.text.endswith("]}"):
            self.notes.targets.append(word)  # `{name[…]}>` is an assignment
        self.end_word()
        if self.is_target:
            raise LostError(at, "a redirection without a target")
        self.is_target = self.is_redirected = True
        self.redirection = sign
        if self.next is Next.COMMAND:
            self.next = Next.ARGUMENT  # there are no reserved words after a redirection

    def _handle(self, word: Word, at: int) -> None:
        """The number of a redirection, or the variable for it."""
        self.handle = word.text
        if word.text.startswith("{"):
            self.notes.given.add(word.text[1:-1])
            self.notes.bash.append(Part("{fd}>", word.start, at))
        elif len(word.text) > 1:
            self.notes.bash.append(Part("10>", word.start, at))

    def _redirected(self, word: Word) -> None:
        """End the target of a redirection."""
        if self.redirection in (">", ">>", ">|", "&>") and self.handle in ("", "1"):
            self.outputs.append(word)
        if self.redirection == "&>":
            self.notes.bash.append(Part("&>", self.begin, word.end))
        is_number = word.text.isdigit() or word.text.rstrip("-").isdigit() or word.text == "-"
        if self.redirection == ">&" and not is_number and word.text[:1] not in ("$", SLOT):
            self.notes.bash.append(Part(">&", self.begin, word.end))

    def separate(self, at: int, sign: str) -> None:
        """A newline, or an operator between commands, was read at this offset."""
        self.end_word()
        if self.is_target:
            raise LostError(at, "a redirection without a target")
        # A newline may follow here without ending the command: `linebreak` in the grammar of XCU 2.10.2.
        waits = self.next in (Next.LOOP_IN, Next.CASE_IN, Next.PATTERN, Next.COPROC_NAME)
        if sign == "\n" and (waits or self._goes_on()):
            return
        if self.next in (Next.PATTERN, Next.PATTERN_MORE):
            if sign != "|":
                raise LostError(at, f"`{sign}` in a pattern")
            return
        if self.next in (Next.LOOP_NAME, Next.CASE_WORD, Next.CASE_IN, Next.FUNCTION_NAME):
            raise LostError(at, f"`{sign}` in the middle of a command")
        command = self._flush(sign)
        if sign == "&":
            self.notes.background.append((at, command.words[0].name if command else ""))
        self.before = () if sign not in ("|", "|&") else (command,) if command else self.compound
        self.compound = ()
        if sign in (";;", ";&", ";;&"):
            if not self.cases:
                raise LostError(at, f"`{sign}` outside of case")
            self.next = Next.PATTERN

    def _goes_on(self) -> bool:
        """Whether the command after the operator that was just read may begin on a later line."""
        is_begun = self.words or self.compound or self.next is not Next.COMMAND
        return not is_begun and self.follows in ("|", "|&", "&&", "||")

    def open_bracket(self) -> None:
        """A `(` was read where a command can begin: another command follows its end."""
        for word in self.words:  # the name of a coproc
            self.notes.names += word.slots
            self.notes.given.add(word.text)
        self.words, self.next = [], Next.COMMAND

    def close_bracket(self, first: int, end: int) -> None:
        """A bracket has ended; `first` is the number of its first command."""
        self._close(first, self.before, end)

    def _close(self, first: int, before: tuple[Command, ...], end: int) -> None:
        """A compound command has ended: its commands begin with number
        `first`, and read the output of `before`.
        """
        self.compound = tuple(one for one in self.notes.commands[first:] if not one.is_captured)
        for command in self.compound if before else ():
            command.feeds += before
        while self.functions and self.functions[-1][2] >= len(self.opened):
            name, start, _ = self.functions.pop()
            self.notes.bodies.append(Body(name, start, end))

    def close_pattern(self) -> bool:
        """A `)` was read: whether it ends a pattern of `case`."""
        if self.next is not Next.PATTERN_MORE:
            return False
        self.next = Next.COMMAND
        return True

    def name_function(self) -> None:
        """`()` was read: the single word before it is the name of a function."""
        self.end_word()
        if len(self.words) == 1 and self.next in (Next.ARGUMENT, Next.COMMAND):
            self.notes.names += self.words[0].slots
            self.notes.functions.add(self.words[0].text)
            self.functions.append((self.words[0].text, self.words[0].start, len(self.opened)))
        self.words, self.next = [], Next.COMMAND

    def add(self, words: list[Word]) -> None:
        """Add a command that was read by other code, such as `[[ ]]`."""
        self.notes.commands.append(self._command(words))
        self.next = Next.COMMAND

    def end(self) -> None:
        """End of the text."""
        self.end_word()
        self._flush()

    def _flush(self, sign: str = "") -> Command | None:
        command = None
        if self.words and self.next is not Next.LOOP_LIST:
            command = self._command(self.words, sign)
            self.notes.commands.append(command)
        elif self.is_redirected:
            self._redirect_compound()
        self.words, self.texts, self.next = [], [], Next.COMMAND
        self.inputs, self.outputs, self.follows, self.is_redirected = [], [], sign, False
        return command

    def _redirect_compound(self) -> None:
        """Redirections after `done` or `}` apply to each command inside."""
        for command in self.compound:
            command.around.append((self.texts, self.inputs))
            command.writes += self.outputs
        for word in self.outputs:
            for taker in word.takers:
                taker.feeds += self.compound

    def _command(self, words: list[Word], sign: str = "") -> Command:
        """A command with its surroundings."""
        command = Command(
            words,
            self.texts,
            self.before,
            after=sign,
            is_condition="if" in self.blocks[-1:],
            is_top=not self.is_inner and not self.blocks and not self.cases,
            follows=self.follows,
            outputs=self.outputs,
            inputs=self.inputs,
        )
        for word in (*words, *self.outputs):
            for taker in word.takers:
                taker.feeds.append(command)
        return command

    def _take(self, word: Word) -> None:
        reserved = word.text if word.is_plain and word.text in RESERVED else ""
        match self.next:
            case Next.COMMAND if reserved and not self.words:
                self._reserved(reserved, word)
            case Next.COMMAND | Next.ARGUMENT:
                self._add(word)
            case Next.LOOP_LIST:
                self.notes.loops.append((self.loop, word))
                self._braces(word)
            case Next.LOOP_NAME | Next.FUNCTION_NAME:
                self._name(word)
            case Next.CASE_WORD:
                self.next = Next.CASE_IN
            case Next.LOOP_IN | Next.CASE_IN:
                self._after_head(word)
            case Next.PATTERN if reserved == "esac":
                self.next = Next.COMMAND
                self._reserved(reserved, word)
            case Next.PATTERN | Next.PATTERN_MORE:
                self.next = Next.PATTERN_MORE
                self.notes.bash += [Part("[^", word.start, word.end)] if "[^" in word.bare else []
            case Next.COPROC_NAME | Next.COPROC_MORE:
                self._coproc(word, reserved)

    def _add(self, word: Word) -> None:
        self.words.append(word)
        self.next = Next.ARGUMENT
        if not word.is_assignment:
            self._braces(word)
        if len(self.words) > MAX_WORDS:
            raise LostError(word.start, f"a command of more than {MAX_WORDS} words")

    def _braces(self, word: Word) -> None:
        """Record braces that bash expands to several words."""
        if "{" in word.bare and BRACES.search(word.bare):
            self.notes.bash.append(Part("{a,b}", word.start, word.end))

    def _block(self, text: str) -> None:
        """Record what surrounds the commands from here on."""
        if text in ("if", "while", "until"):
            self.blocks.append("if")
        elif text in ("for", "select", "{"):
            self.blocks.append(text)
        elif self.blocks and text in ("then", "do", "else"):
            self.blocks[-1] = text
        elif self.blocks and text == "elif":
            self.blocks[-1] = "if"
        elif self.blocks and text in ("fi", "done", "}"):
            self.blocks.pop()

    def _name(self, word: Word) -> None:
        """The variable of a loop, or the name of a function."""
        is_loop = self.next is Next.LOOP_NAME
        self.loop = word.text
        self.notes.names += word.slots
        (self.notes.given if is_loop else self.notes.functions).add(word.text)
        if not is_loop:
            self.functions.append((word.text, word.start, len(self.opened)))
        self.next = Next.LOOP_IN if is_loop else Next.COMMAND

    def _reserved(self, text: str, word: Word) -> None:
        self._block(text)
        if text in _ONLY_BASH:
            self.notes.bash.append(Part(text, word.start, word.end))
        if text in _COMPOUND:
            self.opened.append((len(self.notes.commands), self.before))
        elif text in _CLOSERS and self.opened:
            self._close(*self.opened.pop(), word.end)
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
            self.notes.loops.append((self.loop, Word(word.start, "$", spots=[(0, "@")])))
            self.next = Next.COMMAND
        else:
            raise LostError(word.start, "`for` or `case` without `in`")

    def _coproc(self, word: Word, reserved: str) -> None:
        """A word after `coproc`: a name only if a compound command follows, as in `coproc NAME { … }`."""
        if reserved in _COMPOUND:
            for first in self.words:
                self.notes.names += first.slots
                self.notes.given |= {first.text, f"{first.text}_PID"}
            self.words, self.next = [], Next.COMMAND
            self._reserved(reserved, word)
        else:
            self.words.append(word)
            self.next = Next.COPROC_MORE if self.next is Next.COPROC_NAME else Next.ARGUMENT
