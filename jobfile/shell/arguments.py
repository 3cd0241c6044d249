"""Templates in argument lists: an item is one word, but some programs run an item as code.

Scripts and lists share one table of programs: the items are read as the words of one command in which no
shell expands anything.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, Literal

from jobfile.expressions.expression import Kind, Problem, Scope, Type
from jobfile.expressions.template import Slot, check_slot, find_slots, has_template
from jobfile.model.regex import regex
from jobfile.shell.calls import AS_INPUT
from jobfile.shell.injection import AS_ARGUMENT, Finding, find_in_arguments
from jobfile.shell.places import SLOT, Word
from jobfile.shell.script import NUMERIC, compile_script

MOST_OF_A_LIST: Final = 9
"""The number of arguments assumed for an item that is a list."""
_DIALECTS: Final[Mapping[str, Literal["sh", "bash"]]] = {
    **dict.fromkeys(("sh", "dash", "ash"), "sh"),
    **dict.fromkeys(("bash", "ksh", "zsh"), "bash"),
}
_TAKES_SCRIPT: Final = regex(r"-[a-zA-Z]*c")
Placed = tuple[int, Slot, Type]
"""The number of an item, a template in it, and the type of its value."""
_IN_A_LIST: Final[Mapping[str, str]] = {
    AS_ARGUMENT: 'pass it as a separate item:  [sh, -c, \'… "$1"\', sh, "{{ x }}"]',
    AS_INPUT: f"use  run:  and {AS_INPUT}",
}
"""What to write instead, for advice that differs in a list."""


def argument_problems(
    items: Sequence[str], scope: Scope, *, takes_env: bool = True
) -> Iterator[tuple[int, Problem]]:
    """The problems with values in a list of arguments: the number of the item, and the problem.

    There are none while a template itself is wrong. `takes_env`: a value can also be passed through `env`.
    """
    if not any(map(has_template, items)):
        return
    slots: list[Placed] = []
    words: list[Word] = []
    for index, item in enumerate(items):
        found, problems = find_slots(item)
        types = [check_slot(slot, scope) for slot in found]
        if problems or any(wrong for _, wrong in types):
            return
        words.append(_word(item, found, [one for one, _ in types], len(slots)))
        slots += [(index, slot, one) for slot, (one, _) in zip(found, types, strict=True)]
    yield from _into_scripts(items, slots)
    seen: set[tuple[int, str]] = set()
    for finding in find_in_arguments(words):
        index, slot, type_ = slots[finding.slot]
        if (finding.slot, finding.code) not in seen and not _is_harmless(finding, type_):
            seen.add((finding.slot, finding.code))
            yield index, _problem(finding, slot, takes_env=takes_env)


def _into_scripts(items: Sequence[str], slots: Sequence[Placed]) -> Iterator[tuple[int, Problem]]:
    """Values passed as `$1`, `$2`, … to a script among the items, which runs them as code."""
    for at, item in enumerate(items):
        dialect = _DIALECTS.get(item.rpartition("/")[2])
        place = None if dialect is None else _script_place(items, at)
        if dialect is None or place is None or has_template(items[place]):
            continue
        arguments = {
            number
            for index, _, type_ in slots
            if index > place and not type_.cannot_be_code
            for number in range(index, index + (MOST_OF_A_LIST if type_.kind is Kind.LIST else 1))
        }
        outside = {str(number - place - 1) for number in arguments} | ({"@"} if arguments else set())
        _, problems = compile_script(items[place], slots=(), kinds=(), dialect=dialect, outside=outside)
        yield from ((place, problem) for problem in problems if outside)


def _script_place(items: Sequence[str], shell: int) -> int | None:
    """The position of the script for the shell at this place: after -c, with only options before it."""
    for at in range(shell + 1, len(items) - 1):
        if _TAKES_SCRIPT.fullmatch(items[at]):
            return at + 1
        if items[at][:1] not in ("-", "+") and items[at - 1][-1:] not in ("o", "O"):
            return None
    return None


def _word(item: str, slots: Sequence[Slot], types: Sequence[Type], first: int) -> Word:
    """One item as a word of a command; a list can become no word, or several."""
    numbers = list(range(first, first + len(slots)))
    is_list = any(one.kind is Kind.LIST for one in types)
    parts, at = [], 0
    for slot in slots:
        parts += [item[at : slot.start], SLOT]
        at = slot.end
    text = "$" if is_list else "".join([*parts, item[at:]])
    return Word(0, text, is_plain=False, may_vanish=is_list, slots=numbers)


def _is_harmless(finding: Finding, type_: Type) -> bool:
    """Whether no value can do harm here."""
    code = finding.code
    if finding.is_data_if_word and type_.is_word:
        return True
    if code == "JF417" or (code == "JF426" and not type_.is_trusted and type_.kind in NUMERIC):
        return False
    return type_.cannot_be_code


def _problem(finding: Finding, slot: Slot, *, takes_env: bool) -> Problem:
    ways = [_IN_A_LIST.get(way, way) for way in finding.ways if takes_env or not way.startswith("set  env:")]
    return Problem(
        code=finding.code,
        message=finding.message,
        start=slot.start,
        end=slot.end,
        label=finding.label or "it would run the value as code",
        help=tuple(f"or {way}" if at else way for at, way in enumerate(ways)),
    )
