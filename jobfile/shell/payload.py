"""Scripts with templates: the script for the shell, and the expressions for its variables."""

from collections.abc import Collection, Mapping
from functools import lru_cache
from typing import Final, Literal

from jobfile.expressions.expression import Kind, Problem, Scope
from jobfile.expressions.template import check_slot, constant_text, find_slots, has_template
from jobfile.shell.script import NUMERIC, compile_script

SHELLS: Mapping[str, tuple[str, ...]] = {"sh": ("sh", "-eu"), "bash": ("bash", "-euo", "pipefail")}
"""How each supported shell is started; the path of the script is appended."""

Dialect = Literal["sh", "bash"]


@lru_cache(maxsize=4096)
def _slots_and_shell(
    text: str,
    kinds: tuple[str, ...],
    *,
    dialect: Dialect,
    trusted: frozenset[int],
    words: frozenset[int],
    outside: frozenset[str],
) -> tuple[str | None, tuple[str, ...], tuple[Problem, ...]]:
    slots, _ = find_slots(text)
    spans = [(slot.start, slot.end) for slot in slots]
    texts = {index: constant_text(slot) for index, slot in enumerate(slots)}
    constants = {index: one for index, one in texts.items() if one is not None}
    script, problems = compile_script(
        text,
        slots=spans,
        kinds=kinds,
        dialect=dialect,
        trusted=trusted,
        words=words,
        constants=constants,
        outside=outside,
    )
    if script is None:
        return None, (), problems
    return script.text, tuple(slots[index].source for index in script.used), problems


def compiled_script(
    text: str, scope: Scope, *, dialect: Dialect, outside: Collection[str] = ()
) -> tuple[str | None, tuple[str, ...], tuple[Problem, ...]]:
    """The script for the shell, the expressions for its variables JF_1, JF_2, …, and the problems.

    A value never enters the source of the script, which is the same for every run. `outside` are the
    variables that hold values when the script begins: running them as code is a problem too.
    """
    read = frozenset(name for name in outside if name in text.replace("\\\n", ""))
    if not has_template(text) and not read:
        return text, (), ()
    slots, problems = find_slots(text)
    if problems:
        return None, (), (*problems, *(one for slot in slots for one in check_slot(slot, scope)[1]))
    found: list[Problem] = []
    kinds = []
    trusted, words = set(), set()
    for index, slot in enumerate(slots):
        type_, slot_problems = check_slot(slot, scope)
        found.extend(slot_problems)
        kinds.append(str(_FITS_ANYWHERE if slot_problems else type_.kind))
        # A number is not code, but as the name of a program it would still be a stranger's choice.
        if slot_problems or (type_.cannot_be_code and (type_.is_trusted or type_.kind not in NUMERIC)):
            trusted.add(index)
        if type_.is_word:
            words.add(index)
    script, sources, more = _slots_and_shell(
        text,
        tuple(kinds),
        dialect=dialect,
        trusted=frozenset(trusted),
        words=frozenset(words),
        outside=read,
    )
    return (None, (), (*found, *more)) if found else (script, sources, more)


_FITS_ANYWHERE: Final = Kind.INTEGER
"""The kind of a value whose expression has a problem: its kind must not cause a second one."""
