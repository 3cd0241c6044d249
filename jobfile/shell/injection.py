"""Finds values in a command that would be read again, as code, names or arithmetic."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Final

from jobfile.model.dataclass import dataclass
from jobfile.model.regex import regex
from jobfile.shell.calls import Part, begins_free, sourced, ssh_code, su_code
from jobfile.shell.evaluated import FIXED_VALUES, evaluated_by
from jobfile.shell.places import SLOT, Command, Script, Word
from jobfile.shell.programs import (
    all_programs,
    behind_unknown,
    between,
    heads,
    is_several,
    is_shell,
    program_option,
    reads_code,
    script_operand,
)
from jobfile.shell.variables import array_names

_AS_SCRIPT: Final = ("write  --  before it", "add the folder:  ./{{ x }}")
ALWAYS_WORKS: Final = 'set  env: {X: "{{ … }}"}  and use  "$X"'
_IN_PROGRAM: Final = 'set  env: {X: "{{ … }}"}  and write  "$X"  in single quotes'
AS_ARGUMENT: Final = "pass it as an argument:  sh -c '… \"$1\"' sh {{ x }}"
_AS_AWK_VARIABLE: Final = "assign it to a variable:  awk -v x={{ x }} '… x …'"
_AS_INTEGER: Final = "declare the param as  type: integer"
_AS_WORD: Final = "write the name of the command, or pass the value as a separate word"
_IN_QUOTES: Final = 'put it in double quotes:  "$x"'
_AS_CHOICE: Final = "choose between fixed words with  case … in … esac"
_AGAIN: Final[Mapping[str, tuple[str, ...]]] = {
    "eval": ("remove `eval`", _IN_PROGRAM),
    "watch": (_IN_PROGRAM,),
    "parallel": (_IN_PROGRAM,),
    "trap": ("assign first:  x={{ x }};  then  trap '… \"$x\"' EXIT", _IN_PROGRAM),
    "alias": ("write a function instead of an alias",),
    **dict.fromkeys(("bind", "complete", "compgen", "fc", "enable"), (_AS_CHOICE,)),
}
"""Commands that run their arguments as commands, and what to write instead."""
_READS_ENV: Final[Mapping[str, str]] = {
    "python": "os.environ['X']",
    "perl": "$ENV{X}",
    "ruby": "ENV['X']",
    "node": "process.env.X",
    "php": "getenv('X')",
}
"""Languages, and how a program in them reads the variable X."""
_AS_DATA: Final[Mapping[str, tuple[str, ...]]] = {
    "psql": ("use a variable of psql:  psql -v x={{ x }} -f query.sql  with  :'x'  in the file",),
    "jq": ("use a variable of jq:  jq --arg x {{ x }} '… $x …'",),
    "yq": ("read it in the program:  X={{ x }} yq '… strenv(X) …'",),
}
"""Programs, and how they take a value as data."""
_NAMES: Final = frozenset(
    "declare typeset local readonly export unset read mapfile readarray let getopts wait".split()  # noqa: SIM905  words
)
"""Commands that take names. Bash evaluates subscripts in them: `a[$(command)]` runs the command."""
_SOURCES: Final = frozenset({"source", "."})
_ASSIGNS: Final = frozenset({"declare", "typeset", "local", "readonly", "export"})
_EVALUATES: Final = regex(r"[-+][b-hj-mo-zB-Z]*[aAin][A-Za-z]*")
"""Their options after which bash evaluates the assigned value: arrays, integers, references."""
_LITERAL_NAME: Final = regex(r"[A-Za-z_][A-Za-z0-9_]*\+?=(?!\()", re.ASCII)
_EVALUATED: Final = frozenset({"RANDOM", "SRANDOM", "OPTIND", "HISTCMD", "SECONDS"})
"""Variables that are arithmetic in bash."""
_GIVES: Final = regex(r"(?:--?[a-z][a-z-]*=?)?([A-Za-z_][A-Za-z0-9_]*)(?:\[.*\])?\+?=", re.ASCII | re.DOTALL)
"""`NAME=`, also as an option's argument in the same word: `--env=NAME=`."""
_COMPARISONS: Final = frozenset({"-eq", "-ne", "-lt", "-le", "-gt", "-ge"})
_VARIABLE_TESTS: Final = frozenset({"-v", "-R"})
_NAMED_BY_VALUE: Final = regex(rf"[A-Za-z0-9_]*{SLOT}[A-Za-z0-9_{SLOT}]*(\[.*\])?\+?=", re.DOTALL)
_PROGRAM_FIRST: Final[Mapping[str, frozenset[str]]] = {
    "awk": frozenset({"-F", "-v", "-i", "-l", "--assign", "--field-separator"}),
    "sed": frozenset({"-l"}),
    "jq": frozenset({"--arg", "--argjson", "--slurpfile", "--rawfile", "--indent", "-L"}),
}
"""Programs whose first operand is a program, and their options that take the next word."""
_OPTION_WITH_VALUE: Final = regex(rf"--(?!command|eval|exec|rsh)[a-z-]+={SLOT}")
_TWO_WORDS: Final = frozenset({"--arg", "--argjson", "--slurpfile", "--rawfile"})
_QUERIES: Final[Mapping[str, tuple[str, ...]]] = {
    "psql": ("-c", "--command"),
    "mysql": ("-e", "--execute"),
    "mariadb": ("-e", "--execute"),
    "duckdb": ("-c",),
    "clickhouse-client": ("-q", "--query"),
    "sed": ("-e", "--expression"),
    "mongosh": ("--eval",),
}
"""Programs with an option that takes a program in their own language."""
_OWN_LANGUAGE: Final = frozenset({*_QUERIES, "sqlite3", "bc", "dc", "ed", "gnuplot"}) - {"sed"}
"""Programs that read their own language from the standard input."""
_HAS_WORDS: Final = frozenset({"psql", "mysql", "mariadb", "duckdb", "clickhouse-client", "sqlite3"})
"""Programs in whose language one word between others is a name or a number."""
_FIELDS: Final = frozenset({"jq", "yq"})
_BARE: Final = regex(rf'(?<![."]){SLOT}')
"""A word that is neither the name of a field nor in a text: in jq, `env` is all variables."""
_SUBSTITUTION: Final = regex(r"[0-9,$]*s([/|#,@!])(?:(?!\1).)*+\1(?:(?!\1).)*+\1[gpIim0-9]*")
"""One command of sed that replaces; a word in its first two parts cannot end them."""
_WRITERS: Final = frozenset({"echo", "printf"})


@dataclass(frozen=True, slots=True)
class Finding:
    """A template whose value would be read again: its number, and the message."""

    slot: int
    code: str
    message: str
    label: str = ""
    ways: tuple[str, ...] = ()
    is_data_if_word: bool = False
    """Whether a value that is a word cannot be code at this place."""


def find_rereads(command: Command) -> Iterator[Finding]:
    """The templates of one command whose values would be parsed."""
    words = command.words
    for word in words:
        for slot in word.subscript:
            message = "bash evaluates this subscript as code"
            yield Finding(slot, "JF421", message, ways=(_AS_INTEGER,))
    if words and words[0].text == "[[":
        yield from _conditional(words)
        return
    at_heads = heads(words)
    for at, is_certain in at_heads.items():
        yield from _at_head(words, at)
        yield from (_code(words[at].name, slot, (_IN_QUOTES,)) for slot in _split(words[at]))
        if is_certain:
            yield from _chosen(words, at)
    for word in between(words, at_heads):
        yield from (_code(words[min(at_heads)].name, slot, (_IN_QUOTES,)) for slot in _split(word))
    for name, word, ways in _code_words(words, at_heads):
        for slot in (*word.slots, *word.inner):
            yield _code(name, slot, ways)
    yield from _standard_input(command, at_heads)


def find_in_arguments(words: Sequence[Word]) -> Iterator[Finding]:
    """The same for a list of arguments without a shell: it has no builtins, and nothing is expanded."""
    at_heads = heads(words)
    for at, is_certain in at_heads.items():
        if words[at].name == "find":
            yield from _find(words[at + 1 :])
        yield from _own_language(words[at].name, words[at + 1 :])
        if is_certain:
            yield from _chosen(words, at)
    for name, word, ways in _code_words(words, at_heads):
        yield from (_code(name, slot, ways) for slot in word.slots)
    for name, slot in _assigned_in(words):
        yield from _given(name, slot)


def find_evaluated(script: Script) -> Iterator[Finding]:
    """Templates that bash evaluates because of their place: a special variable, or after `>&`."""
    for slot in (slot for word in script.notes.targets for slot in word.slots):
        message = "bash expands the target of this redirection again"
        yield Finding(slot, "JF421", message, ways=("write  >{{ x }} 2>&1  instead of  >&{{ x }}",))
    yield from _arrays(script)
    assigned = [*_assigned(script), *((name, slot) for name, one in script.notes.loops for slot in one.slots)]
    evaluated = _EVALUATED | (set(_declared_as_numbers(script)) if assigned else set())
    for name, slot in assigned:
        if name in evaluated:
            message = f"bash evaluates the value assigned to `{name}` as code"
            yield Finding(slot, "JF421", message, ways=("use another name", _AS_INTEGER))
        else:
            yield from _given(name, slot)


def _given(name: str, slot: int) -> Iterator[Finding]:
    """The finding for a value that is assigned to this variable."""
    reason = evaluated_by(name)
    if reason:
        message, label = f"the value goes into `{name}`: {reason}", "this value decides what runs"
        yield Finding(slot, "JF439", message, label, FIXED_VALUES)


def _arrays(script: Script) -> Iterator[Finding]:
    """`declare a={{ x }}` where `a` is an array: bash reads a value `(…)` as a list of items."""
    declared = [
        (word.text.partition("=")[0].rstrip("+"), word)
        for command in script.commands
        if {"declare", "typeset", "local"}.intersection(one.text for one in command.words)
        for word in command.words
        if word.slots and re.match(rf"[A-Za-z_][A-Za-z0-9_]*\+?={SLOT}", word.text, re.ASCII)
    ]
    arrays = array_names(script) if declared else frozenset()
    for name, word in declared:
        if name in arrays:
            for slot in word.slots:
                message = f"`{name}` is an array: bash would read a value such as `(…)` as its items"
                yield Finding(slot, "JF421", message, ways=("use another name",))


def _assigned(script: Script) -> Iterator[tuple[str, int]]:
    """Each template in the value of a variable, with its name."""
    for command in script.commands:
        yield from _assigned_in(command.words)


def _assigned_in(words: Sequence[Word]) -> Iterator[tuple[str, int]]:
    for word in words:
        slots = (*word.slots, *word.carried)
        found = _GIVES.match(word.text) if slots else None
        if found:
            yield from ((found[1], slot) for slot in slots)


def _declared_as_numbers(script: Script) -> Iterator[str]:
    """Variables that `declare` makes integers (-i) or references (-n): bash evaluates assigned values."""
    for command in script.commands:
        texts = [word.text for word in command.words]
        if _ASSIGNS.intersection(texts) and any(
            re.fullmatch(r"-[a-hj-mo-zA-Z]*[in][A-Za-z]*", text) for text in texts
        ):
            yield from (text.partition("=")[0].partition("[")[0] for text in texts)


def _code(name: str, slot: int, ways: tuple[str, ...]) -> Finding:
    name = name.replace(SLOT, "…")
    reader = next((text for start, text in _READS_ENV.items() if name.startswith(start)), "")
    if reader:
        label = "the value becomes part of its program"
        ways = (f'set  env: {{X: "{{{{ … }}}}"}}  and read  {reader}  in the program',)
        return Finding(slot, "JF421", f"`{name}` would run this value as code", label, ways)
    return Finding(slot, "JF421", f"`{name}` would run this value as code", ways=ways)


def _other_language(name: str, slot: int, *, is_data_if_word: bool = False) -> Finding:
    ways = (
        *_AS_DATA.get(name, ()),
        "limit what it can be:  type: integer, an  enum,  or a  pattern  of letters and digits",
    )
    label = "read as code in that language"
    message = f"the value becomes part of the code for `{name}`"
    return Finding(slot, "JF427", message, label, ways, is_data_if_word=is_data_if_word)


def _code_words(words: Sequence[Word], at_heads: Mapping[int, bool]) -> Iterator[Part]:
    """Words that are run as code, by which command, and what to do instead."""
    for at in (*at_heads, *behind_unknown(words, at_heads)):
        name, after = words[at].name, words[at + 1 :]
        is_certain = at_heads.get(at, False)
        yield from _from_file(words, at)
        if name in _AGAIN:
            yield from ((name, word, _AGAIN[name]) for word in after)
        elif name == "ssh":
            yield from ssh_code(after)
        elif name == "su":
            yield from su_code(after, (_IN_PROGRAM,))
        elif name in (".", "source") and is_certain:  # `.` can also be a folder, as in `sudo find .`
            file = sourced(after)
            if file is not None and (begins_free(file) or file.inner):
                yield name, file, (_AS_CHOICE,)
        elif name == "env":
            for before, word in pairwise(words[at:]):
                is_next = before.text in ("-S", "--split-string")
                if is_next or word.text.startswith(("-S", "--split-string=")):
                    yield "env -S", word, (_IN_PROGRAM,)
        yield from _behind_computed(words[at], after)
    yield from ((name, word, (AS_ARGUMENT, _IN_PROGRAM)) for name, word in all_programs(words, at_heads))


def _from_file(words: Sequence[Word], at: int) -> Iterator[Part]:
    """A file that contains a value and that the command runs: the program, its script, or a sourced file."""
    name = words[at].name
    if name in _SOURCES:
        script = sourced(words[at + 1 :])
    else:
        script = script_operand(words, at) if program_option(words[at]) else words[at]
    if script is not None and script.contents:
        yield name, replace(script, slots=script.contents), (AS_ARGUMENT,)


def _behind_computed(command: Word, after: Sequence[Word]) -> Iterator[Part]:
    """Values in the arguments of a command whose name is known only at run time."""
    if is_several(command):
        shown = f"${command.variables[0]}" if command.variables else command.name
        found = (word for word in after if _may_be_code(command, word))
        yield from ((shown, word, (_AS_WORD, _AS_CHOICE)) for word in found)


def _may_be_code(command: Word, word: Word) -> bool:
    """Whether a program whose name is known only at run time could run a value in this word as code.

    A value that is a separate word is allowed; so is the value of an option, if the program is one word.
    """
    if not word.slots or (word.text == SLOT and not word.may_vanish):
        return False
    return command.may_vanish or _OPTION_WITH_VALUE.fullmatch(word.text) is None


def _at_head(words: Sequence[Word], at: int) -> Iterator[Finding]:
    """What is known of the command that this word names."""
    name, after = words[at].name, words[at + 1 :]
    if name in _NAMES:
        yield from _names(name, after)
    elif name in ("[", "test"):
        yield from _tests(after)
    elif name == "printf":
        yield from _printf(after)
    elif name == "find":
        yield from _find(after)
    yield from _own_language(name, after)


def _names(name: str, after: Sequence[Word]) -> Iterator[Finding]:
    assigns = name in _ASSIGNS
    is_plain = not any(begins_free(word) or _EVALUATES.fullmatch(word.text) for word in after)
    ways = (f"write the name:  {name} X={{{{ x }}}}" if assigns else _AS_CHOICE, _AS_INTEGER)
    for word in after:
        # `x=$( … )` assigns the output of a command, not the value.
        inner = () if assigns and word.is_assignment else word.inner
        # After a literal `x=`, the value is one text that is not parsed.
        slots = () if assigns and is_plain and _LITERAL_NAME.match(word.text) else word.slots
        yield from (_code(name, slot, ways) for slot in (*slots, *inner))


def _split(word: Word) -> list[int]:
    """Templates whose values a shell splits into words and expands to file names."""
    return word.slots if word.may_vanish else []


def _conditional(words: Sequence[Word]) -> Iterator[Finding]:
    for word in _operands(words):
        yield from (_code("[[", slot, ("use  [ … ]", _AS_INTEGER)) for slot in word.slots)


def _operands(words: Sequence[Word]) -> list[Word]:
    """The words of `[[ ]]` that bash evaluates as arithmetic or as a name."""
    found: list[Word] = []
    for at, word in enumerate(words):
        if word.text in _COMPARISONS:
            found += words[at - 1 : at]
        if word.text in _COMPARISONS or word.text in _VARIABLE_TESTS:
            found += words[at + 1 : at + 2]
    return found


def _tests(after: Sequence[Word]) -> Iterator[Finding]:
    """The name after -v; and a word after one that can become -v."""
    for word, following in pairwise(after):
        if word.text in _VARIABLE_TESTS or set(word.text) == {SLOT}:
            yield from (_code("test -v", slot, (_AS_CHOICE,)) for slot in following.slots)


def _printf(after: Sequence[Word]) -> Iterator[Finding]:
    """The name after -v, and a word that can become -v with its name."""
    first, second = ([*after[:2], Word(0), Word(0)])[:2]
    slots = list(second.slots) if first.text == "-v" or set(first.text) == {SLOT} else []
    may_be_option = first.text[:1] == SLOT and first.text[-1] in (SLOT, "]") and len(after) > 1
    slots += first.slots if first.text.startswith("-v") or may_be_option else []
    yield from (_code("printf -v", slot, ("printf '%s' {{ x }}", _AS_CHOICE)) for slot in slots)


def _find(after: Sequence[Word]) -> Iterator[Finding]:
    """`find X -exec sh -c '… {} …'`: the found names begin with X, and the shell runs them as code."""
    for word in after:
        yield from (_code("find", slot, (_IN_QUOTES,)) for slot in _split(word))
    run = next((at for at, word in enumerate(after) if word.text.startswith("-exec")), len(after))
    if any("{}" in word.text and word.text != "{}" for _, word in all_programs(after[run:], {})):
        for word in after[:run]:
            for slot in word.slots:
                message = "the shell would run the names that `find` finds as code"
                label, ways = "the names begin with this value", ("-exec sh -c '… \"$1\"' sh {} \\;",)
                yield Finding(slot, "JF427", message, label, ways)


def _chosen(words: Sequence[Word], at: int) -> Iterator[Finding]:
    """The value is the name of a program, or of a variable."""
    word = words[at]
    if _NAMED_BY_VALUE.match(word.text):
        for slot in word.slots:
            message, label = "template as a variable name", "a name is fixed text"
            yield Finding(slot, "JF417", message, label, (_AS_CHOICE,))
        return
    script = script_operand(words, at) if program_option(word) and "awk" not in word.name else None
    chosen = [(slot, "this is the name of a program") for slot in word.slots[:1]]
    if script is not None and script.slots and begins_free(script):
        if _may_bring_program(words, at, script):
            message = f"`{word.name.replace(SLOT, '…')}` would run this value as code"
            label = "it could be an option followed by code"
            yield Finding(script.slots[0], "JF421", message, label, _AS_SCRIPT)
            return
        chosen.append((script.slots[0], "this is the name of a script"))
    file = sourced(words[at + 1 :]) if word.name in (".", "source") else None
    if file is not None and not begins_free(file):
        chosen += [(slot, "part of the name of a script") for slot in file.slots[:1]]
    for slot, label in chosen:
        yield Finding(slot, "JF426", "the value chooses the program that runs", label)
    if word.name == "hash" and any(one.text == "-p" for one in words):
        for slot in (slot for one in words for slot in one.slots):
            yield Finding(
                slot, "JF426", "the value chooses the program that runs", "bash remembers this as a program"
            )


def _may_bring_program(words: Sequence[Word], at: int, script: Word) -> bool:
    """Whether the value in place of a script could be an option with code, in it or in the next word."""
    place = next(position for position, word in enumerate(words) if word is script)
    if any(word.text == "--" for word in words[at:place]):
        return False
    return script.may_vanish or not is_shell(words[at]) or any(word.slots for word in words[place + 1 :])


def _own_language(name: str, after: Sequence[Word]) -> Iterator[Finding]:
    """Languages of other programs: awk code can run commands; the others are known too little to refuse."""
    found: list[Word] = []
    if name in _QUERIES:
        options = _QUERIES[name]
        found += [word for before, word in pairwise(after) if before.text in options]
        found += [word for word in after if word.text.startswith(options) and word.text not in options]
    if name == "sqlite3":
        found += [word for word in after if not word.text.startswith("-")][1:]
    kind = "awk" if name in ("gawk", "mawk", "nawk") else name
    if kind in _PROGRAM_FIRST and not found:
        found += _first_operand(after, _PROGRAM_FIRST[kind])
    for word in found:
        if kind == "awk":
            yield from (_code(name, slot, (_AS_AWK_VARIABLE, _IN_PROGRAM)) for slot in word.slots)
            continue
        is_data = _is_data_if_word(name, word)
        for slot in word.slots:
            yield _other_language(name, slot, is_data_if_word=is_data)


def _is_data_if_word(name: str, word: Word) -> bool:
    """Whether a value that is a word stays one in this program: a name or a text, never a command."""
    if name == "sed":
        return _SUBSTITUTION.fullmatch(word.text) is not None
    if name in _FIELDS:
        return _BARE.search(word.text) is None
    return name in _HAS_WORDS and word.text != SLOT


def _first_operand(after: Sequence[Word], takes_next: frozenset[str]) -> list[Word]:
    at = 0
    while at < len(after) and after[at].text.startswith("-"):
        text = after[at].text
        if text in ("-f", "--file", "--from-file", "-e", "--expression"):
            return []
        at += 1 + (text in takes_next) + (text in _TWO_WORDS)
    return [*after[at : at + 1]]


def _standard_input(command: Command, at_heads: Mapping[int, bool]) -> Iterator[Finding]:
    """Code that comes from a here-document, or through a pipe from a command that prints the value."""
    names = [command.words[at].name for at in at_heads]
    own = next((name for name in names if name in _OWN_LANGUAGE), "")
    is_code = reads_code(command, at_heads)
    if not own and not is_code:
        return
    for slot in command.stdin:
        yield _read_from(names[0] if is_code else own, slot, is_code=is_code)
    for before in _upstream(command):
        writes = any(before.words[at].name in _WRITERS for at in heads(before.words))
        for slot in (*(slot for word in before.words for slot in word.slots), *before.stdin):
            if writes or slot in before.stdin:
                yield _read_from(names[0] if is_code else own, slot, is_code=is_code)
            elif is_code:
                label = f"`{names[0]}` runs the output of this command"
                yield Finding(slot, "JF426", "the value chooses the program that runs", label)


def _upstream(command: Command) -> Iterator[Command]:
    """The commands before this one in its pipeline, each once."""
    seen: set[int] = set()
    waiting = [*command.before]
    while waiting:
        one = waiting.pop()
        if id(one) not in seen:
            seen.add(id(one))
            waiting += one.before
            yield one


def _read_from(name: str, slot: int, *, is_code: bool) -> Finding:
    if is_code:
        return _code(
            name, slot, (AS_ARGUMENT, 'quote the delimiter, set  env: {X: "{{ … }}"}  and use  "$X"')
        )
    return _other_language(name, slot)
