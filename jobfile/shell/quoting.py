"""Reads the words of a shell script: quotes and expansions, and where they end.

The rules are POSIX.1-2017 XCU 2.2 (quoting) and 2.6 (expansions). Where shells disagree on the end of a
construct, reading stops with `LostError`.
"""

import re
from abc import abstractmethod
from bisect import bisect_left
from collections.abc import Sequence
from typing import Final, Literal

from jobfile.model.regex import regex
from jobfile.shell.forms import expanded_names, note_arithmetic, note_expansion, note_parameter, read_since
from jobfile.shell.grammar import Frame
from jobfile.shell.places import (
    QUOTED,
    SLOT,
    BrokenError,
    Evaluated,
    LostError,
    Notes,
    Part,
    Place,
    Read,
    Word,
)

Dialect = Literal["sh", "bash"]
MAX_DEPTH: Final = 40
"""Maximum depth of nested brackets and expansions."""
_NAME: Final = regex(r"[A-Za-z_][A-Za-z0-9_]*|[0-9@*#?$!-]")
"""A name after `$`. Only one digit: `$10` is `$1` followed by 0 (XCU 2.6.2)."""
_IDENTIFIER_PART: Final = regex(r"\w+", re.ASCII)
_PARAMETER: Final = regex(r"[#!]?(\w+|[@*#?$!-])(\[[\w@*$+-]*\])?:?([-=+?])?", re.ASCII)
_OLD_ARITHMETIC: Final = regex(r"[A-Za-z0-9_$+*/% -]*\]")
_PLAIN: Final = regex(r"[A-Za-z0-9_./:,%-]+")
_ONLY_A_FILE: Final = regex(r"\(\s*<(?![<(&])")
_CONTINUATIONS: Final = regex(r"(?:\\\n)+")
_DELICATE: Final = frozenset("}\"'`$\\")
"""Signs that end a `${ }` or begin a construct in it, unless they are quoted."""


class Quotes:
    """A position in a script that moves past whole quotes and expansions, and records the templates."""

    def __init__(self, text: str, slots: Sequence[tuple[int, int]], dialect: Dialect) -> None:
        """`slots` are the offsets of the templates, in order."""
        self.text = text
        self.at = 0
        self.limit = len(text)
        self.dialect = dialect
        self.ends = dict(slots)
        self.starts = [start for start, _ in slots]
        self.places: dict[int, Place] = {}
        self.forced: Place | None = None
        self.notes = Notes()
        self.frames = [Frame(self.notes)]
        self.depth = 0

    @abstractmethod
    def commands(self) -> None:
        """Read the commands of a new frame up to its `)`."""

    @abstractmethod
    def look_into(self, begin: int, end: int) -> None:
        """Record the commands between these offsets, which contain no template."""

    # Templates and signs

    @property
    def frame(self) -> Frame:
        """The innermost bracket."""
        return self.frames[-1]

    def word(self) -> Word:
        """The word being read; if there is none, a new one begins here."""
        if self.frame.word is None:
            self.frame.word = Word(self.at)
        return self.frame.word

    def slot(self, place: Place) -> bool:
        """Record the template that begins here, if there is one."""
        end = self.ends.get(self.at)
        if end is None:
            return False
        if end > self.limit:
            raise LostError(self.at, "a template across the end of a here-document")
        index = bisect_left(self.starts, self.at)
        self.places[index] = self.forced or place
        if place is not Place.COMMENT:
            word = self.word()
            word.text += SLOT
            word.slots.append(index)
            word.is_plain = False
            word.bare += QUOTED
            word.end = end
        self.at = end
        return True

    def next_slot(self) -> int:
        """Where the next template begins, or the limit."""
        index = bisect_left(self.starts, self.at)
        return min(self.starts[index], self.limit) if index < len(self.starts) else self.limit

    def looks_at(self, sign: str) -> bool:
        """Whether these signs come next, outside a template."""
        return self.text.startswith(sign, self.at, self.limit) and self.next_slot() >= self.at + len(sign)

    def skips_continuation(self) -> bool:
        """Read a line continuation, if one comes next: between words it has no effect (XCU 2.2.1)."""
        if not self.looks_at("\\\n"):
            return False
        self.at += 2
        return True

    def skips_blank(self) -> bool:
        """Read a space or a tab, if one comes next."""
        if not (self.looks_at(" ") or self.looks_at("\t")):
            return False
        self.at += 1
        return True

    def refuse_continuation(self, signs: str = "") -> None:
        """Refuse a line continuation in the middle of an operator, rather than guess.

        `signs` are those that would continue the operator; if empty, any sign could.
        """
        after = _CONTINUATIONS.match(self.text, self.at, self.limit)
        if after and (not signs or self.text[after.end() : after.end() + 1] in [*signs]):
            raise LostError(self.at, "a line continuation in the middle of an operator")

    def deeper(self, by: int) -> None:
        """Count nested brackets."""
        self.depth += by
        if self.depth > MAX_DEPTH:
            raise LostError(self.at, "constructs that are nested too deeply")

    def literal(self) -> None:
        """Read literal characters."""
        word = self.word()
        match = _PLAIN.match(self.text, self.at, self.next_slot())
        end = match.end() if match else self.at + 1
        word.text += self.text[self.at : end]
        self.at = end

    def part_of_word(self, sign: str) -> None:
        """Read the next part of a word outside quotes."""
        word = self.word()
        length = len(word.text)
        match sign:
            case "\\":
                self.backslash()
            case "'":
                self.single()
            case '"':
                self.double()
            case "`":
                self.backticks()
            case "$":
                self.dollar(is_double=False)
            case _:
                self.literal()
        word.bare += QUOTED if sign in "\\'\"`$" else word.text[length:]
        word.end = self.at

    def bash(self, what: str, start: int) -> None:
        """Record a construct of bash that ends here."""
        self.notes.bash.append(Part(what, start, self.at))

    # Quotes

    def backslash(self) -> None:
        """A backslash and the character that it quotes; before a newline both vanish (XCU 2.2.1)."""
        self.at += 1
        if self.slot(Place.AFTER_BACKSLASH) or self.at >= self.limit:
            return
        if self.text[self.at] != "\n":
            word = self.word()
            word.text += self.text[self.at]
            word.is_plain = False
        self.at += 1

    def single(self) -> None:
        """Single quotes."""
        self._quoted("'", Place.SINGLE, "a single quote", has_escapes=False)

    def _quoted(self, close: str, place: Place, what: str, *, has_escapes: bool) -> None:
        """Text up to the closing sign, without expansions."""
        begin = self.at
        word = self.word()
        word.is_plain = False
        self.at += 1
        while self.at < self.limit:
            if self.slot(place):
                continue
            sign = self.text[self.at]
            self.at += 1
            if sign == close:
                return
            word.text += sign
            if sign == "\\" and has_escapes and self.at not in self.ends:
                self.at += 1
        raise BrokenError(begin, what)

    def double(self) -> None:
        """Double quotes."""
        begin = self.at
        self.word().is_plain = False
        self.at += 1
        while self.at < self.limit:
            if self.slot(Place.DOUBLE):
                continue
            sign = self.text[self.at]
            if sign == '"':
                self.at += 1
                return
            self.inside_double(sign)
        raise BrokenError(begin, "a double quote")

    def inside_double(self, sign: str) -> None:
        """The next part of the text in double quotes, or in a here-document."""
        if sign == "\\":
            self.backslash()
        elif sign == "`":
            self.backticks()
        elif sign == "$":
            self.dollar(is_double=True)
        else:
            self.literal()

    def backticks(self) -> None:
        """Backticks. Every template in them is refused, so only their end matters."""
        word = self.word()
        word.text += "$"
        word.may_vanish = True
        before, begin = word.text, self.at
        self._quoted("`", Place.BACKTICKS, "backticks", has_escapes=True)
        word.text = before
        has_slots = bisect_left(self.starts, begin) != bisect_left(self.starts, self.at)
        has_escapes = "\\" in self.text[begin : self.at]
        inside = self.text[begin : self.at].replace("\\\n", "") if has_escapes else ""
        word.spots += ((len(word.text) - 1, name) for name in expanded_names(inside))
        # A shell removes backslashes before it reads the text again (XCU 2.6.3): then offsets would be wrong.
        if not has_slots and not has_escapes:
            known = len(self.notes.commands)
            self.look_into(begin + 1, self.at - 1)
            word.spots.append((len(word.text) - 1, ""))
            word.within += self.notes.commands[known:]

    # Expansions

    def dollar(self, *, is_double: bool) -> None:
        """`$` and the expansion that it begins."""
        begin = self.at
        word = self.word()
        word.text += "$"
        word.is_plain = False
        self.at += 1
        if self.slot(Place.AFTER_DOLLAR):
            return
        self.refuse_continuation()
        self.deeper(1)
        sign = self.text[self.at : self.at + 1] if self.at < self.limit else ""
        # Outside quotes the result is split into fields, perhaps none (XCU 2.6.5). `$'` and `$"` are quotes.
        word.may_vanish = word.may_vanish or not (is_double or sign in "'\"")
        if self.looks_at("(("):
            self._dollar_arithmetic(begin)
        elif sign == "(":
            self.nested()
        elif sign == "{":
            self.braces(begin, is_double=is_double)
        elif sign == "[":
            self._old_arithmetic(begin)
        elif sign == "'" and not is_double:
            self._dollar_quote(begin)
        elif sign == '"' and not is_double:
            self.notes.bash.append(Part('$"', begin, begin + 2))
        else:
            match = _NAME.match(self.text, self.at, self.next_slot())
            if match:
                self.at = match.end()
                name = self.rest_of_name(match.group())
                word.variables.append(name)
                word.may_vanish = word.may_vanish or name == "@"  # `"$@"` can also be zero or several words
                word.spots.append((len(word.text) - 1, name))
                self.notes.reads.append(Read(name, begin, self.at))
        self.deeper(-1)

    def rest_of_name(self, name: str) -> str:
        """The whole name, when it goes over a line continuation, which shells remove first (XCU 2.2.1)."""
        after = _CONTINUATIONS.match(self.text, self.at, self.next_slot())
        rest = _IDENTIFIER_PART.match(self.text, after.end(), self.next_slot()) if after else None
        if rest is None or not (name[0].isalpha() or name[0] == "_"):
            return name
        self.at = rest.end()
        return self.rest_of_name(name + rest.group())

    def nested(self) -> None:
        """Commands in `$( )`, `<( )` or `>( )`: a separate frame with its own quotes."""
        word = self.word()
        word.is_plain = False
        first, begin, known = bisect_left(self.starts, self.at), self.at, len(self.notes.commands)
        self.at += 1
        self.refuse_continuation("(")
        self.commands()
        if len(self.notes.commands) == known and _ONLY_A_FILE.match(self.text, begin, self.at):
            self.bash("$(<", begin - 1)
        word.inner += range(first, bisect_left(self.starts, self.at))
        word.spots.append((len(word.text) - 1, ""))
        word.within += self.notes.commands[known:]
        for command in self.notes.commands[known:]:
            command.is_captured = True

    def stream(self) -> None:
        """`<( )` or `>( )`: a word that names the output or the input of commands."""
        word, known, is_output = self.word(), len(self.notes.commands), self.looks_at(">")
        word.text += "$"
        self.at += 1
        self.nested()
        if is_output:
            word.takers += self.notes.commands[known:]
        word.is_stream = word.is_stream or not is_output

    def evaluates(
        self, span: tuple[int, int], known: tuple[int, int], *, reader: str, array: str = ""
    ) -> None:
        """Record text that bash evaluates between these offsets; `known` counts earlier parts of the word."""
        word = read_since(self.word(), known, self._own_text(*span), start=span[0])
        self.notes.evaluated.append(Evaluated(word, span[0], reader, array))

    def known(self) -> tuple[int, int]:
        """The number of expansions and inner commands in the current word so far."""
        word = self.word()
        return len(word.spots), len(word.within)

    def _dollar_quote(self, begin: int) -> None:
        """`$'…'`: in bash a backslash hides a quote, in other shells it does not."""
        end = self.text.find("'", self.at + 1, self.limit)
        if self.dialect == "sh" and self.text[end - 1 : end] == "\\":
            raise LostError(begin, "$' ' with a quoted quote")
        self._quoted("'", Place.DOLLAR_QUOTE, "$' '", has_escapes=self.dialect == "bash")
        self.bash("$'", begin)

    def _old_arithmetic(self, begin: int) -> None:
        """`$[ ]`: obsolete arithmetic of bash, and plain text in other shells."""
        match = _OLD_ARITHMETIC.match(self.text, self.at + 1, self.next_slot())
        if match is None:
            raise LostError(begin, "$[ ]")
        word = read_since(Word(begin), (0, 0), match.group().replace("$", " "), start=begin)
        self.notes.evaluated.append(Evaluated(word, begin, "arithmetic"))
        self.at = match.end()
        self.bash("$[", begin)

    def braces(self, begin: int, *, is_double: bool) -> None:
        """`${ … }`: templates inside are refused; quotes and inner expansions matter only to find its end."""
        parameter = _PARAMETER.match(self.text, self.at + 1, self.next_slot())
        if parameter is None and self.at + 1 not in self.ends:
            raise LostError(begin, "this ${ }")
        if parameter:
            self._parameter(parameter, begin)
            note_expansion(self.notes, self.text, parameter, limit=self.limit)
            self.at = parameter.end()
            self.refuse_continuation()
        # In `"${x-…}"` a single quote is an ordinary character; after # or % it quotes (XCU 2.6.2).
        is_text = is_double and self.dialect == "sh" and parameter is not None and parameter[3] is not None
        self.at = parameter.end() if parameter else self.at + 1
        outer, self.forced = self.forced, Place.BRACES
        known, first = self.known(), self.at
        while self.at < self.limit:
            if self.slot(Place.BRACES):
                continue
            sign = self.text[self.at]
            if sign == "}":
                if parameter:
                    self._after_parameter(parameter, first, known)
                self.at += 1
                self.forced = outer
                return
            if sign in "'\"" and is_double:
                self._quote_in_braces(sign, begin, is_text=is_text)
            elif sign == "'":
                self.single()
            elif sign == '"':
                self.double()
            else:
                self.inside_double(sign)
        raise BrokenError(begin, "${ }")

    def _parameter(self, parameter: re.Match[str], begin: int) -> None:
        """Record the variable in `${ … }`, and the text that bash evaluates in it."""
        word = self.word()
        note_parameter(self.notes, word, parameter, begin)
        if parameter[2]:
            known = self.known()
            word.spots += ((len(word.text) - 1, name) for name in expanded_names(parameter[2]))
            self.evaluates(parameter.span(2), known, reader="a subscript", array=parameter[1])

    def _after_parameter(self, parameter: re.Match[str], begin: int, known: tuple[int, int]) -> None:
        """Record what is expanded after the name in `${ … }`: in a subscript, an offset or a default."""
        name, operator, is_offset = parameter[1], parameter[3], ":" in parameter[0]
        if operator == "=":
            whole = self.word()
            word = Word(begin, spots=whole.spots[known[0] :], within=whole.within[known[1] :])
            self.notes.defaults.append((name, word))
        elif not operator and (is_offset or self.text.startswith("[", begin)):
            reader = "an offset" if is_offset else "a subscript"
            self.evaluates((begin, self.at), known, reader=reader, array="" if is_offset else name)

    def _quote_in_braces(self, sign: str, begin: int, *, is_text: bool) -> None:
        """A quote in `"${ … }"`: shells agree on its end only without special characters between."""
        if sign == "'" and is_text:
            self.at += 1
            return
        end = self.text.find(sign, self.at + 1, self.limit)
        if end == -1 or _DELICATE & set(self.text[self.at + 1 : end]):
            raise LostError(begin, "quotes in this ${ }")
        self.mark(end, Place.BRACES)
        self.at = end + 1

    def mark(self, end: int, place: Place) -> None:
        """Move to this offset; templates before it are in this place."""
        while (start := self.next_slot()) < end:
            self.at = start
            self.slot(place)
            if self.at > end:
                raise LostError(start, "a template across the end of a quote or comment")
        self.at = end

    def comment(self) -> None:
        """The rest of the line."""
        end = self.text.find("\n", self.at, self.limit)
        self.mark(self.limit if end == -1 else end, Place.COMMENT)

    # Arithmetic

    def _dollar_arithmetic(self, begin: int) -> None:
        end = self.arithmetic_end(self.at + 2)
        if end is None:
            raise LostError(begin, "$(( )) that is not arithmetic: write $( (")
        self.at += 2
        self.arithmetic(begin, end)

    def arithmetic_end(self, at: int) -> int | None:
        """Where `))` closes the arithmetic that begins here; None if it is nested brackets."""
        depth = 0
        while at < self.limit:
            sign = self.text[at]
            if at in self.ends:
                at = self.ends[at]
                continue
            # In brackets these would quote or begin a comment; a `#` inside a word, as in `16#ff`, would not.
            if sign in "\\`#" and not (sign == "#" and self.text[at - 1] not in " \t\n;"):
                raise LostError(at, f"`{sign}` in (( ))")
            if sign in "'\"":
                at = self._quote_in_arithmetic(sign, at)
            elif sign == ")" and depth == 0:
                return at if self.text.startswith("))", at, self.limit) else None
            depth += {"(": 1, ")": -1}.get(sign, 0)
            at += 1
        raise BrokenError(self.at, "(( ))")

    def _quote_in_arithmetic(self, sign: str, at: int) -> int:
        end = self.text.find(sign, at + 1, self.limit)
        between = self.text[at + 1 : end]
        has_slot = any(at < start <= end for start in self.starts)
        if end == -1 or set("()'\"") & set(between) or (sign == "'" and has_slot):
            raise LostError(at, "a quote in (( ))")
        return end

    def _own_text(self, begin: int, end: int) -> str:
        """The text between these offsets, with as many blanks in place of each template."""
        text = self.text[begin:end]
        for start in self.starts[bisect_left(self.starts, begin) : bisect_left(self.starts, end)]:
            length = min(self.ends[start], end) - start
            text = text[: start - begin] + " " * length + text[start - begin + length :]
        return text

    def arithmetic(self, begin: int, end: int) -> None:
        """Arithmetic up to this offset, and its closing brackets."""
        own = self._own_text(self.at, end)
        first, known = self.at, self.known()
        rest: list[str] = []
        done = first
        while self.at < end:
            if self.slot(Place.ARITHMETIC):
                continue
            begun = self.at
            if self.text[begun] == "$":
                self.dollar(is_double=True)
                # The words of `$(date +%s)` are not names of the arithmetic around it.
                rest += (own[done - first : begun - first], " " * (self.at - begun))
                done = self.at
            else:
                self.at += 1
        note_arithmetic(self.notes, "".join((*rest, own[done - first :])), first)
        if self.at != end:
            raise LostError(begin, "the text in (( ))")
        self.evaluates((first, end), known, reader="arithmetic")
        self.at += 2
