"""Reads a shell script as far as needed to find the place of each template.

The rules are those of POSIX.1-2017, volume XCU: 2.2 (quoting), 2.3 (tokens), 2.6 (expansions) and 2.7.4
(here-documents); comments name the section. Where shells differ, reading stops: every template after text
that is not understood is refused, so that a misread script can never let a value become code.
"""

from collections.abc import Sequence
from typing import Final

from jobfile.model.regex import regex
from jobfile.shell.bash import ARRAY
from jobfile.shell.grammar import Frame, Next
from jobfile.shell.heredocs import Heredocs
from jobfile.shell.places import BrokenError, LostError, Place, Script
from jobfile.shell.quoting import Dialect

_REDIRECTION: Final = regex(r"<<<|<<-?|<>|<&|>>|>&|>\||<|>")
_SEPARATOR: Final = regex(r";;&|;;|;&|&&|\|\||\|&|[;&|\n]")
_IDENTIFIER: Final = regex(r"[A-Za-z_][A-Za-z0-9_]*")
_EMPTY_BRACKETS: Final = regex(r"(?:[ \t]|\\\n)*\)")


def read_script(text: str, slots: Sequence[tuple[int, int]], dialect: Dialect = "bash") -> Script:
    """Find the place of each template; `slots` are their offsets, in order, not overlapping."""
    lexer = _Lexer(text, slots, dialect)
    broken = lost = None
    open_slots: list[int] = []
    try:
        lexer.script()
    except LostError as error:
        lost = (error.at, error.what)
        # The commands around it are unfinished, so the words read so far may
        # mean something different as well.
        open_slots = lexer.close_all()
    except BrokenError as error:
        broken = (error.at, error.what)
        lexer.close_all()
    places = dict.fromkeys(range(len(slots)), Place.UNKNOWN) | lexer.places  # if not reached: refused
    places |= dict.fromkeys(lexer.notes.names, Place.NAME)
    if lost is not None:
        # A template in a delimiter is refused anyway, with a message of its own.
        unsure = (index for index in open_slots if places[index] is not Place.DELIMITER)
        places |= dict.fromkeys(unsure, Place.UNKNOWN)
        places |= {index: Place.UNKNOWN for index, (start, _) in enumerate(slots) if start >= lost[0]}
    return Script(
        tuple(places[index] for index in range(len(slots))),
        lexer.notes,
        broken,
        lost,
    )


class _Lexer(Heredocs):
    """Commands and redirections."""

    def script(self) -> None:
        """Read the whole text."""
        while self.at < self.limit:
            self.step(is_inner=False)
        self.frame.separate(self.at, "\n")
        self.read_heredocs()

    def close_all(self) -> list[int]:
        """End the open brackets; returns the templates of their unfinished commands."""
        found: list[int] = []
        for frame in self.frames:
            words = [*frame.words, *([frame.word] if frame.word else [])]
            found += [index for word in words for index in word.slots]
            frame.is_target = False
            frame.end()
        return found

    # Commands

    def commands(self) -> None:
        """Commands in `$( )`.

        Refused: a here-document that begins outside of it and whose text may be inside, or the other way
        round, because shells differ on which newline its text follows.
        """
        waiting, self.heredocs = self.heredocs, []
        begin = self.at
        self.group()
        if self.heredocs or (waiting and "\n" in self.text[begin : self.at]):
            raise LostError(begin, "a here-document across the end of $( )")
        self.heredocs, self.waits_for_heredoc = waiting, bool(waiting)

    def look_into(self, begin: int, end: int) -> None:
        """Record the commands between these offsets; text that cannot be read is skipped."""
        at, limit, depth, count = self.at, self.limit, self.depth, len(self.frames)
        waiting, self.heredocs = self.heredocs, []
        self.at, self.limit = begin, end
        self.frames.append(Frame(self.notes, is_inner=True))
        try:
            while self.at < end:
                self.step(is_inner=False)
            self.frame.separate(end, "\n")
        except BrokenError:
            pass
        del self.frames[count:]
        self.at, self.limit, self.depth, self.heredocs = at, limit, depth, waiting
        self.waits_for_heredoc = bool(waiting)

    def group(self) -> None:
        """Commands up to the `)` that closes them."""
        begin = self.at - 1
        self.deeper(1)
        self.frames.append(Frame(self.notes, is_inner=True))
        while self.at < self.limit:
            if self.step(is_inner=True):
                self.frames.pop()
                self.deeper(-1)
                return
        raise BrokenError(begin, "a bracket")

    def step(self, *, is_inner: bool) -> bool:
        """Read one sign outside quotes, or the construct it begins; return whether it closes the frame."""
        if self.slot(Place.BARE):
            return False
        # Inside a word, `part_of_word` reads a line continuation like any other backslash.
        if self.frame.word is None and self.skips_continuation():
            return False
        sign = self.text[self.at]
        if sign == ")":
            return self.closing(is_inner=is_inner)
        if sign in " \t":
            self.at += 1
            self.end_word()
        elif sign in "\n;&|":
            self.separator()
        elif sign == "#" and self.frame.word is None:  # XCU 2.3, rule 9: only where a word can begin
            self.comment()
        elif sign == "(":
            self.opening()
        elif sign in "<>":
            self.redirection()
        else:
            self.part_of_command_word(sign)
        return False

    def part_of_command_word(self, sign: str) -> None:
        """A part of a word, where brackets can belong to an array or a pattern."""
        word = self.word()
        if sign == "[" and word.is_plain and self.frame.may_assign and _IDENTIFIER.fullmatch(word.text):
            bare, length = word.bare, len(word.text)
            self.subscript()
            # The subscript counts as unquoted, so that `name[…]=` is recognized as an assignment.
            word.bare = bare + word.text[length:]
            word.end = self.at
        elif sign in "?*+@!" and self.text.startswith("(", self.at + 1, self.limit):
            self.extended_pattern(sign, is_command=self.frame.next is Next.COMMAND)
        else:
            self.part_of_word(sign)

    def end_word(self) -> None:
        """End the current word. `[[` as the first word of a command begins a grammar of its own."""
        frame = self.frame
        word = frame.word
        is_conditional = word is not None and word.is_plain and word.text == "[["
        if is_conditional and frame.next is Next.COMMAND and not frame.is_target and word is not None:
            frame.word = None
            self.conditional(word)
        else:
            frame.end_word()

    def separator(self) -> None:
        """An operator between commands, or `&>`, which is a redirection in bash only."""
        # Up to the next template: its own text must not be read as a part of the operator.
        match = _SEPARATOR.match(self.text, self.at, max(self.next_slot(), self.at + 1))
        assert match is not None
        sign = match.group()
        begin = self.at
        self.at = match.end()
        if sign == "&" and self.looks_at(">"):
            if self.dialect == "sh":
                raise LostError(begin, "`&>`, which sh and bash read differently: write >file 2>&1")
            self.at += 2 if self.looks_at(">>") else 1
            self.frame.end_word()
            self.frame.redirect(begin, "&>")
            return
        if sign != "\n":
            self.refuse_continuation("&|;>")
        if sign in ("|&", ";&", ";;&"):
            self.bash(sign, begin)
        self.end_word()
        self.frame.separate(begin, sign)
        if sign == "\n":
            self.read_heredocs()

    def closing(self, *, is_inner: bool) -> bool:
        """`)`: the end of a pattern of `case`, or of this frame; return whether of the frame."""
        frame = self.frame
        self.end_word()
        if frame.close_pattern():
            self.at += 1
            return False
        if frame.cases or not is_inner:
            raise LostError(self.at, "a `)` without an opening bracket")
        frame.separate(self.at, ")")
        self.at += 1
        return True

    def opening(self) -> None:
        """`(`: arithmetic, commands, a pattern of `case`, a function or an array."""
        frame, word, begin = self.frame, self.frame.word, self.at
        takes_words = frame.next in (Next.COMMAND, Next.ARGUMENT) and not frame.is_target
        if takes_words and word is not None and word.is_plain and ARRAY.fullmatch(word.text):
            self.array(word)
            self.bash("array", word.start)
            return
        self.end_word()
        self.at += 1
        self.refuse_continuation("(")
        if frame.is_target:
            raise LostError(begin, "this `(`")
        match frame.next:
            case Next.PATTERN:
                frame.next = Next.PATTERN_MORE
            case Next.ARGUMENT if len(frame.words) == 1 and self.reads_empty_brackets():
                frame.name_function()
            case Next.COMMAND | Next.COPROC_NAME | Next.COPROC_MORE | Next.LOOP_NAME:
                self.bracket(begin)
            case _:
                raise LostError(begin, "this `(`")

    def reads_empty_brackets(self) -> bool:
        """Read the `)` of `f ()`, if it comes next."""
        match = _EMPTY_BRACKETS.match(self.text, self.at, self.next_slot())
        self.at = match.end() if match else self.at
        return match is not None

    def bracket(self, begin: int) -> None:
        """`(( … ))` or `( … )` where a command can begin.

        `((` is arithmetic if the text can be read so, and otherwise two brackets (XCU 2.6.4 says it for
        `$((`).
        """
        frame = self.frame
        end = self.arithmetic_end(self.at + 1) if self.looks_at("(") else None
        if end is None and frame.next is Next.LOOP_NAME:
            raise LostError(begin, "`for (`")
        is_loop = frame.next is Next.LOOP_NAME
        frame.open_bracket()
        if end is None:
            first = len(self.notes.commands)
            self.group()
            frame.close_bracket(first, self.at)
            return
        noted = len(self.notes.bash)
        self.at += 1
        self.arithmetic(begin, end)
        del self.notes.bash[noted:]  # its contents are part of the one construct
        self.bash("for ((" if is_loop else "((", begin)
        frame.word = None

    def redirection(self) -> None:
        """A redirection, or `<( )`, which is a word."""
        if self.text.startswith("(", self.at + 1, self.limit):
            begin = self.at
            self.stream()
            self.bash("<( )", begin)
            return
        match = _REDIRECTION.match(self.text, self.at, max(self.next_slot(), self.at + 1))
        assert match is not None
        begin, self.at = self.at, match.end()
        self.refuse_continuation("<>&|-(")
        self.frame.redirect(begin, match.group())
        if match.group() == "<<<":
            self.bash("<<<", begin)
        if match.group() in ("<<", "<<-"):
            self.frame.is_target = False
            self.delimiter(begin, strips_tabs=match.group() == "<<-")
