"""Templates in shell scripts: a value never enters the source.

Each template is replaced by a reference to a variable, whose value is passed in the environment; the place
only decides how the reference is written. So the shell sees the words, commands and quotes of the author,
for any value. A place where a shell would run the value as code is refused.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from jobfile.expressions.expression import Problem
from jobfile.model.dataclass import dataclass
from jobfile.shell.injection import ALWAYS_WORKS, find_evaluated, find_rereads
from jobfile.shell.lexer import read_script
from jobfile.shell.places import Place, Script
from jobfile.shell.quoting import Dialect
from jobfile.shell.values import follow
from jobfile.shell.variables import alternatives

MAX_SHOWN: Final = 40
"""Maximum characters of a command that a message quotes."""
_AS_INTEGER: Final = "declare the param as  type: integer"
_AS_ARGUMENT: Final = 'do that in a script file, and pass the value as an argument:  ./script "$X"'
_AS_CHECKED: Final = "check it first:  case $x in *[!0-9]* | '') exit 2 ;; esac;  then use  [ … ]"
NUMERIC: Final = frozenset({"integer", "number"})

_REFUSED: Final[Mapping[Place, tuple[str, ...]]] = {
    Place.BACKTICKS: (
        "template in backticks",
        "backslashes are read twice here",
        "use $( … ) instead",
        ALWAYS_WORKS,
    ),
    Place.BRACES: (
        "template inside ${ }",
        "the shell reads this part as a pattern",
        'assign first:  x={{ x }};  then  ${y#"$x"}',
        ALWAYS_WORKS,
    ),
    Place.DOLLAR_QUOTE: (
        "template inside $' '",
        "variables are not expanded here",
        'use " " instead',
        ALWAYS_WORKS,
    ),
    Place.QUOTED_HEREDOC: (
        "template in a here-document with a quoted delimiter",
        "variables are not expanded here",
        "remove the quotes from the delimiter",
        ALWAYS_WORKS,
    ),
    Place.AFTER_DOLLAR: (
        "template after $",
        "the value would become the name of a variable",
        "remove the $:  {{ x }}",
        ALWAYS_WORKS,
    ),
    Place.AFTER_BACKSLASH: (
        "template after a backslash",
        "the backslash would escape the quote",
        "remove the backslash:  {{ x }}",
        ALWAYS_WORKS,
    ),
    Place.DELIMITER: (
        "template as a here-document delimiter",
        "a delimiter must be fixed text",
        "write a word, such as END",
    ),
    Place.NAME: (
        "template as a name",
        "a name must be fixed text",
        "choose between fixed words with  case … in … esac",
    ),
    Place.UNKNOWN: ("template after a shell construct that is not understood", "", ALWAYS_WORKS),
}
"""The message, the label and the advice."""


@dataclass(frozen=True, slots=True)
class CompiledScript:
    """The script for the shell, and the templates of JF_1, JF_2, … in order."""

    text: str
    used: tuple[int, ...]


def compile_script(
    text: str,
    *,
    slots: Sequence[tuple[int, int]],
    kinds: Sequence[str],
    dialect: Dialect,
    trusted: Collection[int] = (),
    words: Collection[int] = (),
    constants: Mapping[int, str] = MappingProxyType({}),
    outside: Collection[str] = (),
) -> tuple[CompiledScript | None, tuple[Problem, ...]]:
    """Replace templates with references; None if a template is at a place where it is not allowed.

    `slots` are the offsets of the templates in order, `kinds` the types of their values; `trusted` ones
    cannot be code even if they are evaluated again, and `words` are letters and digits. `outside` are the
    variables that hold values before the script begins. Warnings (JF426, JF427) come with a script.
    `constants` are the templates that are only a text: one with braces is also allowed where nothing is
    filled in, in a here-document with a quoted delimiter.
    """
    script = read_script(text, slots, dialect)
    problems = [
        *(_broken(text, script) if slots else ()),
        *_misplaced(script, slots, kinds, frozenset(_written(script, constants))),
        *_read_again(script, slots, kinds, dialect, trusted=trusted, words=words),
    ]
    known = {(one.code, one.start) for one in problems}
    sources = {at for at, kind in enumerate(kinds) if kind not in NUMERIC and at not in trusted}
    carried = _carried(text, script, slots, sources, outside)
    problems += (one for one in carried if (one.code, one.start) not in known)
    unique = tuple({(one.code, one.start): one for one in problems}.values())
    if any(one.code not in ("JF426", "JF427") for one in unique):
        return None, unique
    return _put_references(text, script, slots, _written(script, constants)), unique


def _written(script: Script, constants: Mapping[int, str]) -> Mapping[int, str]:
    """The texts that are written into the script itself; a line with braces is not a delimiter."""
    is_raw = {index for index, place in enumerate(script.places) if place is Place.QUOTED_HEREDOC}
    return {
        index: text
        for index, text in constants.items()
        if index in is_raw and "\n" not in text and ("{{" in text or "}}" in text)
    }


def _put_references(
    text: str, script: Script, slots: Sequence[tuple[int, int]], written: Mapping[int, str]
) -> CompiledScript:
    parts: list[str] = []
    used: list[int] = []
    at = 0
    for index, ((start, end), place) in enumerate(zip(slots, script.places, strict=True)):
        if place is Place.COMMENT:
            continue
        if index in written:
            parts += [text[at:start], written[index]]
            at = end
            continue
        used.append(index)
        reference = f"${{JF_{len(used)}}}"
        if place is Place.ARITHMETIC and text[start - 1] in "+-":
            reference = f"({reference})"  # with the value -5, `x-` would become `x--5`: a decrement
        # In double quotes, so that the value is not split. In single quotes: close them, and open them again.
        spelled = {Place.BARE: f'"{reference}"', Place.SINGLE: f"'\"{reference}\"'"}.get(place, reference)
        parts += [text[at:start], spelled]
        at = end
    return CompiledScript("".join([*parts, text[at:]]), tuple(used))


def _broken(text: str, script: Script) -> Iterator[Problem]:
    if script.broken is not None:
        at, what = script.broken
        yield Problem(
            code="JF409",
            message=f"script ends inside {what}",
            start=at,
            end=min(at + 1, len(text)),
            label="opened here and never closed",
        )


def _misplaced(
    script: Script, slots: Sequence[tuple[int, int]], kinds: Sequence[str], written: Collection[int]
) -> Iterator[Problem]:
    """Templates in places where no spelling of the reference works."""
    for index, (slot, place, kind) in enumerate(zip(slots, script.places, kinds, strict=True)):
        if (
            place is Place.COMMENT
            or index in written
            or (place is Place.UNKNOWN and script.broken is not None)
        ):
            continue
        if place in _REFUSED:
            message, label, *ways = _REFUSED[place]
            if place is Place.UNKNOWN and script.lost is not None:
                label = f"after {script.lost[1]}"
            yield _problem(place.value[:5], message, slot, label, ways)
        elif kind in ("list", "null"):
            ways = ["use  command:  where a list becomes several arguments"]
            ways += ["make it text:  {{ x | join(' ') }}"] if kind == "list" else []
            yield _problem("JF416", f"a {kind} in a script", slot, f"this is a {kind}", ways)
        elif place is Place.ARITHMETIC and kind != "integer":
            yield _problem(
                "JF414",
                f"a {kind} in shell arithmetic",
                slot,
                "bash would evaluate it as code",
                ["declare the param as  type: integer"],
            )


def _read_again(
    script: Script,
    slots: Sequence[tuple[int, int]],
    kinds: Sequence[str],
    dialect: Dialect,
    *,
    trusted: Collection[int],
    words: Collection[int],
) -> Iterator[Problem]:
    """Templates whose values would be parsed again; a number stays a number when evaluated again."""
    where = "bash" if dialect == "bash" else "a shell (sh may be bash)"
    found = [one for command in alternatives(script, script.commands) for one in find_rereads(command)]
    for one in (*found, *find_evaluated(script)):
        is_harmless = one.slot in trusted or (kinds[one.slot] in NUMERIC and one.code != "JF426")
        is_harmless |= one.is_data_if_word and one.slot in words
        if not is_harmless or one.code == "JF417":
            label = one.label or f"{where} would run the value as code"
            yield _problem(one.code, one.message, slots[one.slot], label, one.ways)


def _carried(
    text: str,
    script: Script,
    slots: Sequence[tuple[int, int]],
    sources: Collection[int],
    outside: Collection[str],
) -> Iterator[Problem]:
    """Values that reach code through variables, pipes and files."""
    names = sorted(name for name in outside if name in text.replace("\\\n", ""))
    if not (sources or names):
        return
    spans = [*slots, *(_where_read(text, name) for name in names)]
    numbers = {name: len(slots) + at for at, name in enumerate(names)}
    followed = {*sources, *numbers.values()}
    for one in follow(text, script, sources=sources, outside=numbers):
        if one.script.lost is not None and one.carried is not None:
            message = "value in a script with a shell construct that is not understood"
            label = f"it cannot be followed after {one.script.lost[1]}"
            yield _problem("JF410", message, spans[one.carried], label, (_AS_ARGUMENT,))
        for slot, reader, start in one.seen:
            message = f"{reader} would run this value as code"
            yield _problem(
                "JF421", message, spans[slot], _comes_to(one.text, start), (_AS_INTEGER, _AS_CHECKED)
            )
        for command in alternatives(one.script, one.changed):
            end = max((word.end for word in command.words), default=0)
            for found in (found for found in find_rereads(command) if found.slot in followed):
                label = _comes_to(one.text, command.words[0].start, end)
                yield _problem(found.code, found.message, spans[found.slot], label, found.ways)
        for found in (found for found in find_evaluated(one.script) if found.slot in followed):
            label = found.label or "it gets there through a variable"
            yield _problem(found.code, found.message, spans[found.slot], label, found.ways)


def _where_read(text: str, name: str) -> tuple[int, int]:
    """Where a script first reads a variable: after a dollar, or by its bare name."""
    read = re.search(rf"\$\{{?\W?({name})\b", text, re.ASCII)
    start = read.start(1) if read else max(0, text.find(name))
    return start, start + len(name)


def _comes_to(text: str, start: int, end: int = 0) -> str:
    """A note on where in the script a value goes; the marked place is where it enters."""
    whole = text[start : end if end > start else None].partition("\n")[0].strip()
    return "it goes to  " + (whole if len(whole) <= MAX_SHOWN else whole[: MAX_SHOWN - 1] + "…")


def _problem(code: str, message: str, slot: tuple[int, int], label: str, ways: Sequence[str]) -> Problem:
    start, end = slot
    help_ = tuple(f"or {way}" if at else way for at, way in enumerate(ways))
    return Problem(code=code, message=message, start=start, end=end, label=label, help=help_)
