"""Reads a shell script as far as is needed to know in which place each template stands.

The places follow POSIX.1-2017 XCU 2.2 (quoting), 2.3 (tokens), 2.6 (expansions) and 2.7.4 (here-documents).
What is not understood makes every template after it refused: fail closed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from jobfile.shellplaces import SLOT, Place, Script, Word

_BREAKS: Final = " \t\n;&|<>()"
_OPENERS: Final = frozenset({"if", "then", "elif", "else", "while", "until", "do", "!", "{", "time"})
"""Reserved words after which a command begins."""


class _BrokenError(Exception):
    def __init__(self, at: int, what: str) -> None:
        super().__init__(what)
        self.at = at
        self.what = what


@dataclass(frozen=True, slots=True)
class _Heredoc:
    start: int
    delimiter: str
    is_quoted: bool
    strips_tabs: bool


def read_script(text: str, slots: Sequence[tuple[int, int]]) -> Script:
    """Find the place of each template; `slots` are their offsets, in order, not overlapping."""
    lexer = _Lexer(text, slots)
    broken = None
    try:
        lexer.commands(None)
    except _BrokenError as error:
        broken = (error.at, error.what)
    except RecursionError:
        broken = (lexer.at, "too many constructs inside each other")
    places = tuple(lexer.places.get(index, Place.UNKNOWN) for index in range(len(slots)))
    return Script(places, tuple(lexer.found), broken)


class _Lexer:
    def __init__(self, text: str, slots: Sequence[tuple[int, int]]) -> None:
        self.text = text
        self.at = 0
        self.starts = {start: (index, end) for index, (start, end) in enumerate(slots)}
        self.places: dict[int, Place] = {}
        self.found: list[tuple[Word, ...]] = []
        self.words: list[Word] = []
        self.word: Word | None = None
        self.cases = 0
        self.heredocs: list[_Heredoc] = []

    # Commands and words

    def commands(self, close: str | None) -> None:
        """Commands up to the closing parenthesis of this frame, or the end."""
        begin, outer = self.at, (self.words, self.word, self.cases)
        self.words, self.word, self.cases = [], None, 0
        while self.at < len(self.text):
            if self.slot(Place.BARE):
                continue
            sign = self.text[self.at]
            if sign == ")":
                self.end_word()  # it may be `esac`, which decides whose bracket this is
            if sign == ")" and close is not None and self.cases == 0:
                self.end_command()
                self.at += 1
                self.words, self.word, self.cases = outer
                return
            self.step(sign)
        self.end_command()
        self.read_heredocs()
        if close is not None:
            raise _BrokenError(begin, "a bracket")

    def step(self, sign: str) -> None:
        """Read one sign, or the construct that it begins, outside of quotes."""
        if sign in " \t":
            self.end_word()
            self.at += 1
        elif sign == "\n":
            self.end_command()
            self.at += 1
            self.read_heredocs()
        elif sign in ";&|":
            self.end_command()
            self.at += 1
        elif sign == "#" and self.word is None:
            self.comment()
        elif sign in "()":
            self.bracket(sign)
        elif sign in "<>":
            self.redirection()
        else:
            self.part_of_word(sign)

    def part_of_word(self, sign: str) -> None:
        word = self.current()
        if sign == "\\":
            self.backslash()
        elif sign == "'":
            self.single()
        elif sign == '"':
            self.double()
        elif sign == "`":
            self.backticks()
        elif sign == "$":
            self.dollar(is_double=False)
        else:
            word.brackets += {"[": 1, "]": -1}.get(sign, 0)
            word.text += sign
            self.at += 1

    def current(self) -> Word:
        if self.word is None:
            self.word = Word(self.at)
        return self.word

    def end_word(self) -> None:
        word, self.word = self.word, None
        if word is None:
            return
        if not self.words:
            # Inside case … esac a bracket ends a pattern, not the frame.
            self.cases = max(0, self.cases + {"case": 1, "esac": -1}.get(word.text, 0))
        if self.words or word.text not in _OPENERS:
            self.words.append(word)

    def end_command(self) -> None:
        self.end_word()
        if self.words:
            self.found.append(tuple(self.words))
        self.words = []

    def comment(self) -> None:
        end = self.text.find("\n", self.at)
        end = len(self.text) if end == -1 else end
        for start, (index, _) in self.starts.items():
            if self.at <= start < end:
                self.places[index] = Place.COMMENT
        self.at = end

    def bracket(self, sign: str) -> None:
        is_first = self.word is None and [word.text for word in self.words] in ([], ["for"])
        if sign == "(" and is_first and self.text.startswith("((", self.at):
            begin = self.at
            self.at += 2
            self.arithmetic(begin)
            return
        self.end_command()
        self.at += 1
        if sign == "(":
            self.commands(")")

    def redirection(self) -> None:
        rest = self.text[self.at : self.at + 3]
        if rest[1:2] == "(":
            self.current()
            self.at += 2
            self.nested()
        elif rest == "<<<":
            self.end_word()
            self.at += 3
        elif rest.startswith("<<"):
            self.end_word()
            self.at += 2
            self.delimiter()
        else:
            self.end_word()
            self.at += 1

    # Templates

    def slot(self, place: Place) -> bool:
        """Note the template that begins here, if one does."""
        found = self.starts.get(self.at)
        if found is None:
            return False
        index, end = found
        self.places[index] = place
        if place in (Place.BARE, Place.DOUBLE, Place.SINGLE):
            word = self.current()
            word.text += SLOT
            word.slots.append(index)
            if word.brackets > 0 and place is Place.BARE:
                word.in_brackets.append(index)
        self.at = end
        return True

    # Quotes and expansions

    def backslash(self) -> None:
        self.at += 1
        if self.slot(Place.AFTER_BACKSLASH):
            return
        if self.at < len(self.text):
            if self.text[self.at] != "\n":
                self.current().text += self.text[self.at]
            self.at += 1

    def single(self) -> None:
        begin = self.at
        self.at += 1
        while self.at < len(self.text):
            if self.slot(Place.SINGLE):
                continue
            sign = self.text[self.at]
            self.at += 1
            if sign == "'":
                return
            self.current().text += sign
        raise _BrokenError(begin, "a single quote")

    def double(self) -> None:
        begin = self.at
        self.current()
        self.at += 1
        while self.at < len(self.text):
            if self.slot(Place.DOUBLE):
                continue
            sign = self.text[self.at]
            if sign == '"':
                self.at += 1
                return
            self.inside_double(sign)
        raise _BrokenError(begin, "a double quote")

    def inside_double(self, sign: str) -> None:
        if sign == "\\":
            self.backslash()
        elif sign == "`":
            self.backticks()
        elif sign == "$":
            self.dollar(is_double=True)
        else:
            self.current().text += sign
            self.at += 1

    def backticks(self) -> None:
        begin = self.at
        self.at += 1
        while self.at < len(self.text):
            if self.slot(Place.BACKTICKS):
                continue
            sign = self.text[self.at]
            self.at += 2 if sign == "\\" and self.at + 1 not in self.starts else 1
            if sign == "`":
                return
        raise _BrokenError(begin, "backticks")

    def dollar(self, *, is_double: bool) -> None:
        begin = self.at
        self.current().text += "$"
        self.at += 1
        if self.slot(Place.AFTER_DOLLAR):
            return
        rest = self.text[self.at : self.at + 2]
        if rest == "((":
            self.at += 2
            self.arithmetic(begin)
        elif rest[:1] == "(":
            self.at += 1
            self.nested()
        elif rest[:1] == "{":
            self.at += 1
            self.braces(begin)
        elif rest[:1] == "[":
            self.at += 1
            self.until("]", Place.UNKNOWN, begin, "$[ ]")
        elif rest[:1] == "'" and not is_double:
            self.at += 1
            self.until("'", Place.DOLLAR_QUOTE, begin, "$' '")

    def nested(self) -> None:
        """Commands in `$( )`, `<( )` or `>( )`: a frame of its own, with its own quotes."""
        self.commands(")")

    def until(self, close: str, place: Place, begin: int, what: str) -> None:
        while self.at < len(self.text):
            if self.slot(place):
                continue
            sign = self.text[self.at]
            self.at += 2 if sign == "\\" and self.at + 1 not in self.starts else 1
            if sign == close:
                return
        raise _BrokenError(begin, what)

    def braces(self, begin: int) -> None:
        """`${ … }`: everything inside is refused; quotes and inner expansions only find its end."""
        depth = 1
        while self.at < len(self.text):
            if self.slot(Place.BRACES):
                continue
            sign = self.text[self.at]
            if sign == "\\":
                self.at += 2 if self.at + 1 not in self.starts else 1
                continue
            if sign in "'\"":
                quote = self.at
                self.at += 1
                self.until(sign, Place.BRACES, quote, "a quote")
                continue
            self.at += 1
            depth += 1 if sign == "{" and self.text[self.at - 2] == "$" else -1 if sign == "}" else 0
            if depth == 0:
                return
        raise _BrokenError(begin, "${ }")

    def arithmetic(self, begin: int) -> None:
        depth = 0
        while self.at < len(self.text):
            if self.slot(Place.ARITHMETIC):
                continue
            sign = self.text[self.at]
            if depth == 0 and self.text.startswith("))", self.at):
                self.at += 2
                return
            if sign == "$":
                self.dollar(is_double=True)
                continue
            depth += {"(": 1, ")": -1}.get(sign, 0)
            self.at += 1
        raise _BrokenError(begin, "(( ))")

    # Here-documents

    def delimiter(self) -> None:
        begin = self.at - 2
        strips = self.text.startswith("-", self.at)
        self.at += strips
        while self.text[self.at : self.at + 1] in (" ", "\t"):
            self.at += 1
        word, is_quoted = "", False
        while self.at < len(self.text) and self.text[self.at] not in _BREAKS:
            if self.slot(Place.DELIMITER):
                continue
            sign = self.text[self.at]
            is_quoted = is_quoted or sign in "'\"\\"
            word += "" if sign in "'\"\\" else sign
            self.at += 1
        self.heredocs.append(_Heredoc(begin, word, is_quoted, strips))

    def read_heredocs(self) -> None:
        waiting, self.heredocs = self.heredocs, []
        outer, self.word = self.word, Word(self.at)
        for heredoc in waiting:
            self.body(heredoc)
        self.word = outer

    def body(self, heredoc: _Heredoc) -> None:
        while self.at < len(self.text):
            end = self.text.find("\n", self.at)
            end = len(self.text) if end == -1 else end
            line = self.text[self.at : end].removesuffix("\r")
            if (line.lstrip("\t") if heredoc.strips_tabs else line) == heredoc.delimiter:
                self.at = min(end + 1, len(self.text))
                return
            self.body_line(heredoc)
        raise _BrokenError(heredoc.start, f"the here-document {heredoc.delimiter}")

    def body_line(self, heredoc: _Heredoc) -> None:
        place = Place.QUOTED_HEREDOC if heredoc.is_quoted else Place.HEREDOC
        while self.at < len(self.text):
            if self.slot(place):
                continue
            sign = self.text[self.at]
            if heredoc.is_quoted or sign not in "\\`$":
                self.at += 1
                if sign == "\n":
                    return
            else:
                self.inside_double(sign)
