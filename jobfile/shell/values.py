"""Tracks where the values of templates go in a shell script: through names, pipes, functions and files.

The script is not executed, and branches and loops make any order possible. So the order of commands does not
count: a name that holds a value somewhere holds it everywhere. The passes are repeated until nothing new is
found. docs/security.md lists what is not followed.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from typing import Final

from jobfile.model.dataclass import dataclass
from jobfile.model.namedtuple import NamedTuple
from jobfile.model.regex import regex
from jobfile.shell.lexer import read_script
from jobfile.shell.places import SLOT, Body, Command, Script, Word
from jobfile.shell.programs import Inner, heads, literal_scripts

MAX_ROUNDS: Final = 12
"""Maximum passes over a script: a value that needs more passes is not followed."""
MAX_NESTING: Final = 3
"""Maximum depth of scripts in scripts: `sh -c 'sh -c "…"'`."""
ASSIGNS: Final = frozenset({"declare", "typeset", "local", "readonly", "export"})
"""Commands whose operands can be assignments."""
ARITHMETIC: Final = frozenset({"RANDOM", "SRANDOM", "OPTIND", "HISTCMD", "SECONDS"})
"""Integer variables of bash: an assigned value is evaluated."""
_COUNTS: Final = regex(r"-[a-hj-mo-zA-Z]*[in][A-Za-z]*")
"""Options of `declare` that make a variable an integer, or a reference to another one."""
_PRINTS_ARGUMENTS: Final = frozenset(
    {"echo", "printf", "basename", "dirname", "realpath", "readlink", "yes", "print", "expr"}
)
_PRINTS_INPUT: Final = frozenset(
    "cat tac tr sed cut head tail sort uniq tee awk gawk mawk jq grep egrep fgrep rev paste fold fmt "  # noqa: SIM905  words
    "nl column expand unexpand shuf iconv base64 envsubst perl xargs dd pv sponge".split()
)
_PRINTS_PROGRAM: Final = frozenset({"sed", "awk", "gawk", "mawk", "jq", "perl"})
"""Programs that can print parts of their own code, which comes before their files."""
_COPIES: Final = frozenset({"cp", "mv", "install", "ln"})
_TAKES_NEXT: Final = {"read": "dinNptu", "mapfile": "dnOsuCc", "readarray": "dnOsuCc"}
"""The commands that read into variables, and their option letters that take the next word."""
_IDENTIFIER: Final = regex(r"[A-Za-z_]\w*", re.ASCII)
_POSITIONAL: Final = regex(r"[0-9]+|[@*]")
_LITERAL_NAME: Final = regex(r"[A-Za-z_]\w*(\[[\w@*]*\])?\+?=", re.ASCII)
_REPLACED: Final = regex(r"(?:-I|-i|--replace=)(.+)")

FileKey = tuple[str, tuple[str, ...]]


class Seen(NamedTuple):
    """A finding about a followed value: the template, what runs its value, and where."""

    slot: int
    reader: str
    start: int


@dataclass(frozen=True, slots=True)
class Followed:
    """A script whose templates are also recorded where their values go; and what evaluates them."""

    text: str
    script: Script
    changed: tuple[Command, ...]
    """The commands that a value reaches through a variable, pipe or file."""
    seen: tuple[Seen, ...]
    carried: int | None
    """A template whose value a variable, function or file holds, if there is any."""


def follow(
    text: str, script: Script, *, sources: Collection[int], outside: Mapping[str, int]
) -> list[Followed]:
    """The script, and each script in it that is plain text, with the values that reach its commands.

    `sources` are the templates whose values are followed; `outside` has a number for each variable that
    holds a value before the script begins.
    """
    found: list[Followed] = []
    waiting = [(0, text, script, dict(outside))]
    while waiting:
        depth, text, script, names = waiting.pop()
        if not names and not sources:
            continue
        values = _Values(script, frozenset(sources) if depth == 0 else frozenset(names.values()), names)
        values.settle()
        found.append(values.followed(text))
        if depth < MAX_NESTING:
            waiting += ((depth + 1, *one) for one in values.inner_scripts(found[-1]))
    return found


@dataclass(slots=True)
class _Values:
    """What is known about the values so far. It only grows, so repeated passes come to an end."""

    script: Script
    sources: frozenset[int]
    outside: Mapping[str, int]
    held: dict[tuple[str, str], int] = field(default_factory=dict)
    """By function and name: the template whose value the variable holds.

    The function is "" except for `$1`, `$@` and similar ones: all functions share the other variables.
    """
    printed: dict[int, int] = field(default_factory=dict)
    """By the identity of a command: the template whose value it prints."""
    files: dict[FileKey, int] = field(default_factory=dict)
    fed: dict[str, int] = field(default_factory=dict)
    """By function: the template whose value reaches its standard input."""
    scopes: dict[int, str] = field(default_factory=dict)
    """The function around each place where a command begins."""
    heads: dict[int, Mapping[int, bool]] = field(default_factory=dict)
    shifts: dict[str, int] = field(default_factory=dict)
    """By how much `shift` moves the arguments of each function."""
    shifted: set[str] = field(default_factory=set)
    """Functions whose arguments may have moved to other numbers: each then holds what `$@` holds."""
    taken: frozenset[int] = frozenset()
    """Commands whose output goes to another command."""
    bodies: dict[str, list[Command]] = field(default_factory=dict)
    maps: set[str] = field(default_factory=set)
    """Associative arrays: their subscripts are not arithmetic."""
    exported: set[str] = field(default_factory=set)

    def settle(self) -> None:
        """Go through the script until nothing new is found."""
        notes, commands = self.script.notes, self.script.commands
        starts = [one.words[0].start for one in commands] + [one.start for one in notes.evaluated]
        starts += [word.start for _, word in (*notes.loops, *notes.defaults)]
        starts += [word.start for word in notes.targets]
        self.scopes = dict(_owners(starts, notes.bodies))
        self.taken = frozenset(id(one) for command in commands for one in (*command.before, *command.feeds))
        for name, slot in self.outside.items():
            self._hold("", name, slot)
        self.exported.update(self.outside)
        for command in commands:
            scope = self._scope(command)
            if scope:
                self.bodies.setdefault(scope, []).append(command)
            self.heads[id(command)] = heads(command.words)
            self._note(command, scope)
        for _ in range(MAX_ROUNDS):
            before = len(self.held) + len(self.printed) + len(self.files) + len(self.fed)
            for name, word in (*notes.loops, *notes.defaults):
                self._hold("", name, self.of_word(word, self.scopes[word.start]))
            for command in commands:
                self._run(command, self._scope(command))
            if before == len(self.held) + len(self.printed) + len(self.files) + len(self.fed):
                return

    def _scope(self, command: Command) -> str:
        return self.scopes[command.words[0].start]

    def _note(self, command: Command, scope: str) -> None:
        """Record facts about a command that do not depend on values."""
        texts = [word.text for word in command.words]
        if "shift" in texts[:2]:
            self.shifted.add(scope)
            self.shifts[scope] = self.shifts.get(scope, 0) + int(texts[-1] if texts[-1].isdigit() else 1)
        if ASSIGNS.intersection(texts):
            options = [text for text in texts if text[:1] == "-"]
            names = [text.partition("=")[0] for text in texts if text[:1] != "-"]
            if any("A" in text for text in options):
                self.maps.update(names)
            if "export" in texts or any("x" in text for text in options):
                self.exported.update(names)

    def _hold(self, scope: str, name: str, slot: int | None) -> None:
        if slot is not None and name:
            is_own = _POSITIONAL.fullmatch(name) is not None
            self.held.setdefault((scope if is_own else "", name.replace("*", "@")), slot)

    def holds(self, name: str, scope: str) -> int | None:
        """The template whose value is in this variable."""
        if _POSITIONAL.fullmatch(name) is None:
            return self.held.get(("", name))
        found = self.held.get((scope, name.replace("*", "@")))
        return self.held.get((scope, "@")) if found is None and scope in self.shifted else found

    # The values in a word

    def of_word(self, word: Word, scope: str) -> int | None:
        """The first template whose value is in this word, itself or through a variable or command."""
        own = next((slot for slot in word.slots if slot in self.sources), None)
        return self.brought(word, scope) if own is None else own

    def brought(self, word: Word, scope: str) -> int | None:
        """The first template whose value reaches this word through a variable or command."""
        held = (self.holds(name, scope) for _, name in word.spots if name)
        found = (*held, *(() if word.is_stream else (self._output(one) for one in word.within)))
        return _first(found)

    def _output(self, command: Command) -> int | None:
        """What a command in `$( )` adds to the whole output."""
        is_inner = id(command) in self.taken or command.outputs or command.writes
        return None if is_inner else self.printed.get(id(command))

    def contents(self, word: Word) -> int | None:
        """The first template whose value is in the file that a word names."""
        if word.is_stream:
            return _first(self._output(one) for one in word.within)
        key = _file_key(word)
        return None if key is None else self.files.get(key)

    def of_words(self, words: Iterable[Word], scope: str) -> int | None:
        """The first template whose value is in one of these words."""
        return _first(self.of_word(word, scope) for word in words)

    def input_of(self, command: Command, scope: str) -> int | None:
        """The first template whose value reaches the standard input of a command."""
        pairs = [(command.texts, command.inputs), *command.around]
        found = [self.of_words(texts, scope) for texts, _ in pairs]
        found += [self.contents(word) for _, inputs in pairs for word in inputs]
        found += [self.printed.get(id(one)) for one in (*command.before, *command.feeds)]
        return _first((*found, self.fed.get(scope)))

    # The effect of a command on values

    def _run(self, command: Command, scope: str) -> None:
        words = command.words
        is_plain = next((at for at, word in enumerate(words) if not word.is_assignment), len(words))
        self._assign(words[:is_plain], scope)
        coming = self.input_of(command, scope)
        prints: list[int | None] = []
        for at in self.heads[id(command)]:
            name, after = words[at].text, words[at + 1 :]
            self._set(name, after, scope, coming)
            prints.append(self._prints(words[at].name, after, scope, coming))
            if words[at].name in _COPIES:
                self._write(after[-1:], _first(self.contents(word) for word in after[:-1]))
            elif words[at].name == "tee":
                self._write(after, coming)
        slot = _first(prints)
        if slot is not None:
            self.printed.setdefault(id(command), slot)
        self._write((*command.outputs, *command.writes), slot)

    def _assign(self, words: Iterable[Word], scope: str) -> None:
        for word in words:
            if word.is_assignment:
                self._hold("", _name_of(word), self.of_word(word, scope))
                self._hold("", _name_of(word), self._named_in(word))

    def _named_in(self, word: Word) -> int | None:
        """`a=b` and `a=(b)`: arithmetic with `a` evaluates the value of `b`."""
        value = word.text.partition("=")[2].strip("()").split()
        return _first(self.holds(one, "") for one in value if _IDENTIFIER.fullmatch(one))

    def _set(self, name: str, after: Sequence[Word], scope: str, coming: int | None) -> None:
        """The variables set by a builtin, or by the call of a function."""
        if name in ASSIGNS:
            self._assign(after, scope)
        elif name in _TAKES_NEXT:
            for one in _names_read(name, after):
                self._hold("", one, coming)
        elif name == "printf" and [word.text for word in after[:1]] == ["-v"]:
            self._hold("", after[1].text if after[1:] else "", self.of_words(after[2:], scope))
        elif name == "getopts":
            self._hold("", "OPTARG", self.holds("@", scope))
        elif name == "set":
            first = next((at for at, word in enumerate(after) if word.text[:1] not in ("-", "+")), len(after))
            self._arguments(scope, after[first:], scope)
        elif name in self.script.notes.functions:
            self._arguments(name, after, scope)
            if coming is not None:
                self.fed.setdefault(name, coming)

    def _arguments(self, function: str, words: Sequence[Word], scope: str) -> None:
        """Words become `$1`, `$2`, … and `$@`.

        After a word that can be several, the numbers are not certain.
        """
        is_sure = True
        for at, word in enumerate(words, 1):
            slot = self.of_word(word, scope)
            self._hold(function, "@", slot)
            self._hold(function, str(at), slot)
            is_sure = is_sure and not (word.may_vanish or "@" in word.variables)
            if not is_sure and slot is not None:
                self.shifted.add(function)

    def _prints(self, name: str, after: Sequence[Word], scope: str, coming: int | None) -> int | None:
        if name in self.script.notes.functions:
            return _first(self._output(one) for one in self.bodies.get(name, ()))
        if name in _PRINTS_ARGUMENTS:
            return self.of_words(after, scope)
        if name == "printenv":
            return _first(self.holds(word.text, scope) for word in after)
        if name not in _PRINTS_INPUT:
            return None
        program = after[: max(1, len(after) - 1)] if name in _PRINTS_PROGRAM else ()
        files = [self.contents(word) for word in after]
        return _first((self.of_words(program, scope), coming, *files))

    def _write(self, words: Iterable[Word], slot: int | None) -> None:
        for word in words if slot is not None else ():
            key = _file_key(word)
            if key is not None and slot is not None:
                self.files.setdefault(key, slot)

    # The annotated script

    def followed(self, text: str) -> Followed:
        """The script with its templates also recorded where their values go."""
        new: dict[int, Command] = {}
        changed: list[Command] = []
        for command in self.script.commands:
            made = self._command(command, new)
            new[id(command)] = made
            if made is not command:
                changed.append(made)
        loops = [(name, self._word(word, self.scopes[word.start])) for name, word in self.script.notes.loops]
        targets = [self._word(word, self.scopes[word.start]) for word in self.script.notes.targets]
        notes = replace(self.script.notes, commands=[*new.values()], loops=loops, targets=targets)
        script = replace(self.script, notes=notes)
        return Followed(text, script, tuple(changed), tuple(self._seen()), _first(self.held.values()))

    def _seen(self) -> Iterator[Seen]:
        for one in self.script.notes.evaluated:
            slot = self.brought(one.word, self.scopes[one.start])
            if slot is not None and one.array not in self.maps:
                yield Seen(slot, one.reader, one.start)

    def _command(self, command: Command, new: Mapping[int, Command]) -> Command:
        """A command with the values that reach it."""
        scope = self._scope(command)
        at_heads = self.heads[id(command)]
        is_names = command.words[0].text == "[[" or any(command.words[at].text == "let" for at in at_heads)
        prefix = min(at_heads, default=0)
        assigns = any(command.words[at].text in ASSIGNS for at in at_heads)
        counts = any(_COUNTS.fullmatch(word.text) for word in command.words)
        words = []
        for at, word in enumerate(command.words):
            if at in at_heads and self._runs_arguments(word, scope):
                words.append(word)
                continue
            is_value = _LITERAL_NAME.match(word.text) is not None and (assigns or at < prefix)
            reads = is_names or (is_value and (counts or _name_of(word) in ARITHMETIC))
            words.append(self._word(word, scope, is_value=is_value, reads_names=reads))
        slot = self.input_of(command, scope)
        if slot is not None:
            words = _with_arguments(words, at_heads, slot)
        before = tuple(new.get(id(one), one) for one in command.before)
        is_same = all(old is one for old, one in zip(command.words, words, strict=False))
        if is_same and len(words) == len(command.words) and slot is None and before == command.before:
            return command
        texts = [*command.texts, *([] if slot is None else [Word(words[0].start, slots=[slot])])]
        return replace(command, words=words, texts=texts, before=before)

    def _runs_arguments(self, word: Word, scope: str) -> bool:
        """Whether it is `"$@"` of a function whose callers write the command name literally."""
        first = str(1 + self.shifts.get(scope, 0))
        return word.text == "$" and word.variables == ["@"] and (scope, first) not in self.held

    def _word(self, word: Word, scope: str, *, is_value: bool = False, reads_names: bool = False) -> Word:
        """A word with the values that reach it."""
        slot, contents = self.brought(word, scope), self.contents(word)
        if slot is None and reads_names and word.is_plain:
            written = word.text.partition("=")[2] if is_value else word.text
            slot = _first(self.holds(name, scope) for name in _IDENTIFIER.findall(written))
        if slot is None and contents is None:
            return word
        inside = [] if contents is None else [contents]
        if slot is None or is_value:
            return replace(word, contents=inside, carried=[] if slot is None else [slot])
        text = list(word.text)
        for at, name in word.spots:
            if at < len(text) and (not name or self.holds(name, scope) is not None):
                text[at] = SLOT
        return replace(word, text="".join(text), slots=[*word.slots, slot], contents=inside)

    def inner_scripts(self, followed: Followed) -> Iterator[tuple[str, Script, dict[str, int]]]:
        """The scripts in the script that are plain text, and the variables that hold values in them."""
        for old, command in zip(self.script.commands, followed.script.commands, strict=True):
            scope = self._scope(old)
            for one in literal_scripts(command):
                names = self._names_in(one, command, scope)
                if names:
                    yield one.text, read_script(one.text, (), one.dialect), names

    def _names_in(self, inner: Inner, command: Command, scope: str) -> dict[str, int]:
        """The variables that hold values in a script that this command runs."""
        here = {
            name: slot
            for (place, name), slot in self.held.items()
            if place in ("", scope) and (inner.is_same_shell or name in self.exported)
        }
        if inner.is_same_shell:
            return here
        given = ((word, (*word.slots, *word.carried)) for word in command.words if word.is_assignment)
        here |= {_name_of(word): slots[0] for word, slots in given if slots}
        return here | _positional(inner.arguments)


def _positional(words: Sequence[Word]) -> dict[str, int]:
    """The variables `$0`, `$1`, … that hold values in a script started with these words."""
    found: dict[str, int] = {}
    is_sure = True
    for at, word in enumerate(words):
        if word.slots:
            names = [str(at), "@"] if is_sure else [*map(str, range(at, at + 9)), "@"]
            found = {**dict.fromkeys(names, word.slots[0]), **found}
        is_sure = is_sure and not word.may_vanish
    return found


def _with_arguments(words: list[Word], at_heads: Mapping[int, bool], slot: int) -> list[Word]:
    """The words of a command into which `xargs` inserts its input, or after which it adds it."""
    at = next((at for at in at_heads if words[at].name == "xargs"), None)
    if at is None:
        return words
    mark = ""
    for before, word in zip(words[at:], words[at + 1 :], strict=False):
        match = _REPLACED.fullmatch(word.text)
        if before.text == "-I":
            mark = word.text
        elif match or word.text in ("-i", "--replace"):
            mark = match[1] if match else "{}"
    if not mark:
        return [*words, Word(words[at].start, SLOT, slots=[slot], may_vanish=True)]
    found = words[: at + 1]
    for before, word in zip(words[at:], words[at + 1 :], strict=False):
        is_option = before.text == "-I" or word.text.startswith(("-I", "-i", "--replace"))
        if mark in word.text and not is_option:
            found.append(replace(word, text=word.text.replace(mark, SLOT), slots=[*word.slots, slot]))
        else:
            found.append(word)
    return found


def _first(found: Iterable[int | None]) -> int | None:
    return next((one for one in found if one is not None), None)


def _name_of(word: Word) -> str:
    return word.text.partition("=")[0].partition("[")[0].rstrip("+")


def _names_read(reader: str, after: Sequence[Word]) -> list[str]:
    """The variables set by `read` or `mapfile`."""
    found: list[str] = []
    is_argument = False
    for word in after:
        if is_argument:
            is_argument = False
        elif word.text[:1] == "-":
            is_argument = word.text[-1:] in _TAKES_NEXT[reader]
        else:
            found.append(word.text)
    return found or ["REPLY" if reader == "read" else "MAPFILE"]


def _file_key(word: Word) -> FileKey | None:
    """What identifies a file in the script; None if its name has a template or the output of a command.

    Names with the same text and the same variables count as one file: the variables rarely change in between.
    """
    if not word.text or SLOT in word.text or word.within or word.slots:
        return None
    return word.text.removeprefix("./"), tuple(word.variables)


def _owners(starts: Iterable[int], bodies: Iterable[Body]) -> Iterator[tuple[int, str]]:
    """For each offset, the innermost function around it; None outside all functions."""
    waiting = sorted(bodies, key=lambda body: body.start, reverse=True)
    around: list[Body] = []
    for start in sorted(starts):
        while waiting and waiting[-1].start <= start:
            around.append(waiting.pop())
        while around and around[-1].end <= start:
            around.pop()
        yield start, around[-1].name if around else ""
