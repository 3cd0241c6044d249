"""Templates in shell scripts: a value never enters the source.

Each template is replaced by a reference to a variable, whose value comes in the environment; the place
decides only how the reference is spelled. So the words, commands and quotes that the author wrote are those
the shell sees, whatever the value. Places where a shell would read the value as code are refused.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Literal

from jobfile.expression import Problem
from jobfile.shelllexer import read_script
from jobfile.shellplaces import Place, Script, Word

ALWAYS_WORKS: Final = 'or set  env: {X: "{{ … }}"}  and use  "$X"'

INTERPRETERS: Final = (
    "sh bash dash ksh zsh ash busybox python perl ruby node php lua awk gawk mawk".split()  # noqa: SIM905  a list of words
)
READ_AGAIN: Final = frozenset({"eval", "ssh", "su", "watch", "parallel", "trap", "source", "."})
"""Commands that read their arguments as commands."""
NAMES: Final = frozenset(
    {
        "declare",
        "typeset",
        "local",
        "readonly",
        "export",
        "unset",
        "read",
        "mapfile",
        "readarray",
        "let",
        "getopts",
    }
    | {"wait"}
)
"""Commands that take names, in which bash evaluates subscripts: `a[$(command)]` runs the command."""
COMPARED: Final = frozenset({"-eq", "-ne", "-lt", "-le", "-gt", "-ge", "-v"})
PROGRAMS: Final = frozenset({"awk", "gawk", "mawk", "sed", "jq"})
QUERIES: Final = {"psql": "-c", "mysql": "-e", "mariadb": "-e"}
NUMERIC: Final = frozenset({"integer", "number"})

_REFUSED: Final = {
    Place.BACKTICKS: ("template in backticks", "backslashes are read twice here", "use $( … ) instead"),
    Place.BRACES: ("template inside ${ }", "the shell reads this part again as a pattern", ""),
    Place.DOLLAR_QUOTE: ("template inside $' '", "nothing is filled in here", 'use " " instead'),
    Place.QUOTED_HEREDOC: (
        "template in a here-document with a quoted delimiter",
        "nothing is filled in here",
        "take the quotes off the delimiter",
    ),
    Place.AFTER_DOLLAR: (
        "template after $",
        "the value would become a variable's name",
        "leave the $ out:  {{ x }}",
    ),
    Place.AFTER_BACKSLASH: ("template after a backslash", "the backslash would take the quote away", ""),
    Place.DELIMITER: (
        "template as a here-document delimiter",
        "a delimiter is fixed text",
        "write a word, such as END",
    ),
    Place.UNKNOWN: ("template after a shell construct that is not understood", "", ""),
}


@dataclass(frozen=True, slots=True)
class CompiledScript:
    """What the shell gets, and which template is behind JF_1, JF_2, … in order."""

    text: str
    used: tuple[int, ...]


def compile_script(
    text: str,
    *,
    slots: Sequence[tuple[int, int]],
    kinds: Sequence[str],
    dialect: Literal["sh", "bash"],
) -> tuple[CompiledScript | None, tuple[Problem, ...]]:
    """Put references in the place of templates; None when any of them stands where it cannot.

    `slots` are the offsets of the templates in order, `kinds` the types of their values. Warnings (JF426,
    JF427) come with a script.
    """
    script = read_script(text, slots)
    problems = [
        *_broken(text, script),
        *_misplaced(script, slots, kinds),
        *(problem for words in script.commands for problem in _read_again(words, slots, kinds, dialect)),
    ]
    unique = tuple({(one.code, one.start): one for one in problems}.values())
    if any(one.code not in ("JF426", "JF427") for one in unique):
        return None, unique
    return _put_references(text, script, slots), unique


def _put_references(text: str, script: Script, slots: Sequence[tuple[int, int]]) -> CompiledScript:
    parts: list[str] = []
    used: list[int] = []
    at = 0
    for index, ((start, end), place) in enumerate(zip(slots, script.places, strict=True)):
        if place is Place.COMMENT:
            continue
        used.append(index)
        reference = f"${{JF_{len(used)}}}"
        spelled = {Place.BARE: f'"{reference}"', Place.SINGLE: f"'\"{reference}\"'"}.get(place, reference)
        parts += [text[at:start], spelled]
        at = end
    return CompiledScript("".join([*parts, text[at:]]), tuple(used))


def _broken(text: str, script: Script) -> Iterator[Problem]:
    if script.broken is not None and Place.DELIMITER not in script.places:
        at, what = script.broken
        yield Problem(
            code="JF409",
            message=f"script ends inside {what}",
            start=at,
            end=min(at + 1, len(text)),
            label="opened here and never closed",
        )


def _misplaced(script: Script, slots: Sequence[tuple[int, int]], kinds: Sequence[str]) -> Iterator[Problem]:
    """Templates in places where no spelling of a reference is right."""
    for slot, place, kind in zip(slots, script.places, kinds, strict=True):
        if place is Place.COMMENT or (place is Place.UNKNOWN and script.broken is not None):
            continue
        if place in _REFUSED:
            message, label, tip = _REFUSED[place]
            yield _problem(place.value, message, slot, label, tip)
        elif kind in ("list", "null"):
            tip = "use  command:  where a list becomes several arguments"
            yield _problem("JF416", f"a {kind} in a script", slot, f"this is {kind}", tip)
        elif place is Place.ARITHMETIC and kind != "integer":
            yield _problem(
                "JF414",
                f"{kind} in shell arithmetic",
                slot,
                "bash would evaluate it again",
                "only an integer may stand here",
            )


def _read_again(
    words: tuple[Word, ...], slots: Sequence[tuple[int, int]], kinds: Sequence[str], dialect: str
) -> Iterator[Problem]:
    """Templates in arguments that something would parse a second time."""
    command = [word for word in words if not _is_assignment(word)]
    texts = [word.text for word in command]
    names = [text.rpartition("/")[2] for text in texts]
    for word in words:
        for index in word.in_brackets:
            yield _refused(slots[index], "a subscript is evaluated again by bash", dialect)
    yield from _in_programs(command, names, slots)
    for word in _reread_words(command, texts, names):
        for index in word.slots:
            if kinds[index] not in NUMERIC:
                yield _refused(slots[index], f"`{names[0]}` would parse this value as code", dialect)
    if command and command[0].slots:
        start, end = slots[command[0].slots[0]]
        yield Problem(
            code="JF426",
            message="the value chooses the program that runs",
            start=start,
            end=end,
            label="this is the name of a program",
        )


def _reread_words(command: list[Word], texts: list[str], names: list[str]) -> Iterator[Word]:
    """The words of a command that are read as code, names or arithmetic."""
    for position, name in enumerate(names):
        if name in READ_AGAIN and (position == 0 or name not in (".", "watch", "su")):
            yield from command[position + 1 :]
        if _is_interpreter(name) or (position == 0 and name.startswith("$")):
            yield from _programs_of(command, texts, position)
    if names and names[0] in NAMES:
        yield from command[1:]
    if names and names[0] in ("[", "test", "printf"):
        yield from (command[at + 1] for at, text in enumerate(texts[:-1]) if text == "-v")
    if names and names[0] == "[[" and COMPARED.intersection(texts):
        yield from command[1:]


def _programs_of(command: list[Word], texts: list[str], position: int) -> Iterator[Word]:
    """The word after -c or -e of an interpreter; what follows it are plain arguments."""
    for at in range(position + 1, len(texts)):
        text = texts[at]
        if text.startswith("-") and not text.startswith("--") and text[-1:] in ("c", "e"):
            yield from command[at + 1 : at + 2]
        if text.startswith("-") and "\0" in text:
            yield command[at]


def _is_interpreter(name: str) -> bool:
    return any(
        name == one or (name.startswith(one) and name[len(one) :].strip("0123456789.") == "")
        for one in INTERPRETERS
    )


def _in_programs(
    command: list[Word], names: list[str], slots: Sequence[tuple[int, int]]
) -> Iterator[Problem]:
    """Warned about: languages of other programs, of which we know too little to refuse."""
    found: list[Word] = []
    if names and names[0] in PROGRAMS:
        found = [word for word in command[1:] if not word.text.startswith("-")][:1]
    elif names and names[0] in QUERIES:
        flag = QUERIES[names[0]]
        found = [after for word, after in pairwise(command) if word.text == flag]
    elif names and names[0] == "sqlite3":
        found = command[2:]
    for word in found:
        for index in word.slots:
            message = f"the value stands in a program for `{names[0]}`"
            yield _problem("JF427", message, slots[index], "read in that program's own language", "")


def _is_assignment(word: Word) -> bool:
    name, equals, _ = word.text.partition("=")
    return bool(equals) and name.replace("_", "a").isalnum() and name.isascii() and not name[:1].isdigit()


def _refused(slot: tuple[int, int], message: str, dialect: str) -> Problem:
    where = "bash" if dialect == "bash" else "a shell (sh may be bash)"
    return _problem("JF421", message, slot, f"{where} would run what is in the value", "")


def _problem(code: str, message: str, slot: tuple[int, int], label: str, tip: str) -> Problem:
    start, end = slot
    help_ = (*((tip,) if tip else ()), ALWAYS_WORKS if tip else ALWAYS_WORKS.removeprefix("or "))
    return Problem(code=code, message=message, start=start, end=end, label=label, help=help_)
