"""Reads bash syntax in the words of a script: `[[ ]]`, arrays, subscripts and patterns in brackets.

A script for `sh` may run in bash or another shell: text that the two read differently is not understood.
"""

from abc import ABC
from typing import Final

from jobfile.model.regex import regex
from jobfile.shell.places import BrokenError, LostError, Place, Word
from jobfile.shell.quoting import Quotes

BREAKS: Final = " \t\n;&|<>()"
"""Signs that end a word."""
ARRAY: Final = regex(r"[A-Za-z_][A-Za-z0-9_]*\+?=")


class BashWords(Quotes, ABC):
    """Words that contain brackets."""

    waits_for_heredoc = False
    """Whether the text of a here-document begins after the next newline."""

    def conditional(self, first: Word) -> None:
        """Read `[[ … ]]`: blanks end words, some operators are words, and expansions are not split."""
        frame = self.frame
        words = [first]
        while True:
            last = words[-1]
            if frame.word is None and last.is_plain and last.text == "]]":
                frame.add(words)
                return
            if self.at >= self.limit:
                if frame.word is None:
                    raise BrokenError(first.start, "[[ ]]")
                words.append(frame.word)
                frame.word = None
                continue
            if (frame.word is None and self.skips_continuation()) or self.slot(Place.BARE):
                continue
            sign = self.text[self.at]
            if sign not in BREAKS:
                self.part_of_condition(sign)
            elif not self.reads_brackets(sign, is_expression=last.is_plain and last.text == "=~"):
                self.break_conditional(sign, words)

    def reads_brackets(self, sign: str, *, is_expression: bool) -> bool:
        """Read an operator if it is part of a word here: in a regular expression after `=~`, or as `<( )`."""
        if sign == "(" and is_expression:
            self.brackets_in_word()
        elif sign == "|" and is_expression:
            self.literal()
        elif sign in "<>" and self.text.startswith("(", self.at + 1, self.limit):
            self.stream()
        else:
            return False
        return True

    def part_of_condition(self, sign: str) -> None:
        """A part of a word of `[[ ]]`, where patterns need no bash option."""
        if sign == "#" and self.frame.word is None:
            self.comment()
        elif sign in "?*+@!" and self.text.startswith("(", self.at + 1, self.limit):
            if sign == "!" and self.frame.word is None:
                raise LostError(self.at, "`!(`: write `! (`, or put the pattern in a variable")
            self.at += 1
            self.brackets_in_word()
        else:
            self.part_of_word(sign)

    def break_conditional(self, sign: str, words: list[Word]) -> None:
        """A blank or an operator in `[[ ]]`."""
        if self.frame.word is not None:
            words.append(self.frame.word)
            self.frame.word = None
            return
        begin = self.at
        self.at += 1
        if sign in " \t":
            return
        if self.dialect == "sh" or sign == ";" or (sign == "\n" and self.waits_for_heredoc):
            raise LostError(begin, "an operator in [[ ]], which is only in bash: set shell: bash")
        if sign in "&|":
            if not self.looks_at(sign):
                raise LostError(begin, f"a single `{sign}` in [[ ]]")
            self.at += 1
        if sign != "\n":
            words.append(Word(begin, sign))

    def brackets_in_word(self) -> None:
        """`( … )` in a pattern or regular expression: part of the word, blanks and all."""
        begin = self.at
        self.word().text += "("
        self.at += 1
        self.deeper(1)
        while self.at < self.limit:
            if self.slot(Place.BARE):
                continue
            sign = self.text[self.at]
            if sign == ")":
                self.literal()
                self.deeper(-1)
                return
            if sign == "(":
                self.brackets_in_word()
            elif sign in "\n;&<>#":
                raise LostError(self.at, f"`{sign}` in a pattern")
            else:
                self.part_of_word(sign)
        raise BrokenError(begin, "a bracket")

    def extended_pattern(self, sign: str, *, is_command: bool) -> None:
        """`@(a|b)` and similar forms, a pattern if the option extglob of bash is on."""
        word = self.word()
        if self.dialect == "sh" or (sign == "!" and is_command):
            raise LostError(self.at, f"`{sign}(`")
        word.is_plain = False
        word.text += sign
        self.at += 1
        self.brackets_in_word()

    def subscript(self) -> None:
        """Read `name[ … ]`: if `=` follows, bash evaluates the text in the brackets as arithmetic."""
        word, begin = self.word(), self.at
        first, known = len(word.slots), self.known()
        array = word.text.rpartition("(")[2]
        self.literal()
        depth = 1
        while depth and self.at < self.limit:
            if self.slot(Place.BARE):
                continue
            sign = self.text[self.at]
            depth += {"[": 1, "]": -1}.get(sign, 0)
            if sign == "\n" or (self.dialect == "sh" and sign in " \t#" + BREAKS):
                raise LostError(begin, f"`{word.text}`, which is an array only in bash")
            self.part_of_word(sign)
        if depth:
            raise BrokenError(begin, "a bracket")
        if self.looks_at("=") or self.looks_at("+="):
            word.subscript += [*word.slots[first:], *word.inner]
            self.evaluates((begin, self.at), known, reader="a subscript", array=array)

    def array(self, word: Word) -> None:
        """Read `name=( … )`: words, not commands; a subscript in it is evaluated as arithmetic."""
        begin = self.at
        self.at += 1
        word.text += "("
        at_start = True
        while self.at < self.limit:
            if self.skips_continuation():
                continue
            if self.slot(Place.BARE):
                at_start = False
                continue
            sign, was_start = self.text[self.at], at_start
            at_start = sign in " \t\n"
            if sign == ")":
                self.literal()
                return
            if sign == "#" and was_start:
                self.comment()
            elif sign == "[" and was_start:
                self.subscript()
            elif sign in "<>" and self.text.startswith("(", self.at + 1):
                self.stream()
            elif sign in ";&|<>(" or (sign == "\n" and self.waits_for_heredoc):
                raise LostError(self.at, f"`{sign}` in an array")
            else:
                self.part_of_word(sign)
        raise BrokenError(begin, "a bracket")
