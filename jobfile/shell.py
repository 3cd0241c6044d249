"""Templates in shell scripts: a value never enters the source.

Each template is replaced by a reference to a variable, whose value comes in the environment; the place
decides only how the reference is spelled. So the words, commands and quotes that the author wrote are those
the shell sees, whatever the value. Places where a shell would read the value as code are refused.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from jobfile.expression import Problem
from jobfile.shelllexer import read_script
from jobfile.shellplaces import Place, Script
from jobfile.shellquotes import Dialect
from jobfile.shellrules import ALWAYS_WORKS, find_carried, find_evaluated, find_rereads

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
        "the shell reads this part again as a pattern",
        'assign first:  x={{ x }};  then  ${y#"$x"}',
        ALWAYS_WORKS,
    ),
    Place.DOLLAR_QUOTE: (
        "template inside $' '",
        "nothing is filled in here",
        'use " " instead',
        ALWAYS_WORKS,
    ),
    Place.QUOTED_HEREDOC: (
        "template in a here-document with a quoted delimiter",
        "nothing is filled in here",
        "take the quotes off the delimiter",
        ALWAYS_WORKS,
    ),
    Place.AFTER_DOLLAR: (
        "template after $",
        "the value would become a variable's name",
        "leave the $ out:  {{ x }}",
        ALWAYS_WORKS,
    ),
    Place.AFTER_BACKSLASH: (
        "template after a backslash",
        "the backslash would take the quote away",
        "leave the backslash out:  {{ x }}",
        ALWAYS_WORKS,
    ),
    Place.DELIMITER: (
        "template as a here-document delimiter",
        "a delimiter is fixed text",
        "write a word, such as END",
    ),
    Place.NAME: (
        "template as a name",
        "a name is fixed text",
        "choose between fixed words with  case … in … esac",
    ),
    Place.UNKNOWN: ("template after a shell construct that is not understood", "", ALWAYS_WORKS),
}
"""The message, the label and the ways out."""


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
    dialect: Dialect,
    trusted: Collection[int] = (),
    constants: Mapping[int, str] = MappingProxyType({}),
) -> tuple[CompiledScript | None, tuple[Problem, ...]]:
    """Put references in the place of templates; None when any of them stands where it cannot.

    `slots` are the offsets of the templates in order, `kinds` the types of their values; those of `trusted`
    cannot be code, however often they are read. Warnings (JF426, JF427) come with a script.
    `constants` are the templates that are nothing but a text: one with braces may also stand where nothing is
    filled in, in a here-document with a quoted delimiter.
    """
    script = read_script(text, slots, dialect)
    problems = [
        *_broken(text, script),
        *_misplaced(script, slots, kinds, frozenset(_written(script, constants))),
        *_read_again(script, slots, kinds, dialect, trusted),
    ]
    unique = tuple({(one.code, one.start): one for one in problems}.values())
    if any(one.code not in ("JF426", "JF427") for one in unique):
        return None, unique
    return _put_references(text, script, slots, _written(script, constants)), unique


def _written(script: Script, constants: Mapping[int, str]) -> Mapping[int, str]:
    """The texts that are put into the script itself; a line with braces in it is no delimiter."""
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
            reference = f"({reference})"  # `x-` and `-5` together are no sum to a shell
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
    """Templates in places where no spelling of a reference is right."""
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
            yield _problem("JF416", f"a {kind} in a script", slot, f"this is {kind}", ways)
        elif place is Place.ARITHMETIC and kind != "integer":
            yield _problem(
                "JF414",
                f"{kind} in shell arithmetic",
                slot,
                "bash would evaluate it again",
                ["declare the param as  type: integer"],
            )


def _read_again(
    script: Script,
    slots: Sequence[tuple[int, int]],
    kinds: Sequence[str],
    dialect: Dialect,
    trusted: Collection[int],
) -> Iterator[Problem]:
    """Templates that something would parse again; a number stays one, however often it is read."""
    where = "bash" if dialect == "bash" else "a shell (sh may be bash)"
    found = (one for command in script.commands for one in find_rereads(command))
    for one in (*found, *find_evaluated(script), *find_carried(script)):
        is_harmless = one.slot in trusted or (kinds[one.slot] in NUMERIC and one.code != "JF426")
        if not is_harmless or one.code == "JF417":
            label = one.label or f"{where} would run what is in the value"
            yield _problem(one.code, one.message, slots[one.slot], label, one.ways)


def _problem(code: str, message: str, slot: tuple[int, int], label: str, ways: Sequence[str]) -> Problem:
    start, end = slot
    help_ = tuple(f"or {way}" if at else way for at, way in enumerate(ways))
    return Problem(code=code, message=message, start=start, end=end, label=label, help=help_)
