"""How long a backtracking search for a pattern can take: never without end, and on how long a text how long.

Where it is clear by the next character whether a repetition goes on, nothing is ever tried twice. Each place
where it is not clear multiplies the tries; inside another repetition it would do so without bound.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from re import _parser  # type: ignore[attr-defined]  # the one reader of patterns that agrees with `re`
from typing import Any, Final  # the parser's tree is not typed

MAX_TRIES: Final = 2_000_000
"""Steps of a search; so many take less than a tenth of a second."""
MAX_LENGTH: Final = 1024
"""Characters of a value that is compared with a pattern."""

_OTHER: Final = 128
"""Stands for every character that is not ASCII."""
_ALL: Final = frozenset(range(_OTHER + 1))
_CLASSES: Final = {
    "CATEGORY_DIGIT": frozenset(ord(sign) for sign in "0123456789") | {_OTHER},
    "CATEGORY_SPACE": frozenset(at for at in range(_OTHER) if chr(at).isspace()) | {_OTHER},
    "CATEGORY_WORD": frozenset(at for at in range(_OTHER) if chr(at).isalnum() or at == ord("_")) | {_OTHER},
}
_REPEATS: Final = ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT")

Characters = frozenset[int]
Items = Sequence[Any]


class EndlessError(Exception):
    """The time for some text would double with each character of it."""


@lru_cache(maxsize=1024)
def longest_text(pattern: str) -> int:
    """How long a text may be that is searched in a moment; raises when it is endless."""
    choices = list(_choices(list(_parser.parse(pattern)), frozenset(), is_repeated=False))
    length = MAX_LENGTH
    while length > 1 and _tries(choices, length) > MAX_TRIES:
        length = length * 9 // 10
    return length


def _tries(choices: list[int], length: int) -> int:
    tries = length
    for choice in choices:
        tries = min(tries * (min(choice, length) + 1), MAX_TRIES + 1)
    return tries


def _choices(items: Items, after: Characters, *, is_repeated: bool) -> Iterator[int]:
    """For each place where the next character does not decide, in how many ways the search can go on."""
    for at, (kind, about) in enumerate(items):
        follow, is_nothing = _first(items[at + 1 :])
        follow = follow | after if is_nothing else follow
        found: list[int] = []
        if str(kind) in _REPEATS:
            found += _of_repeat(about, follow, is_repeated=is_repeated)
        elif str(kind) == "BRANCH":
            found += _of_branch(about[1], follow, is_repeated=is_repeated)
        elif str(kind) in ("SUBPATTERN", "ATOMIC_GROUP"):
            found += _choices(_inside(kind, about), follow, is_repeated=is_repeated)
        yield from found


def _of_repeat(about: tuple[int, int, Items], follow: Characters, *, is_repeated: bool) -> Iterator[int]:
    least, most, body = about
    start, is_nothing = _first(body)
    if most > 1 and is_nothing:
        raise EndlessError
    if most > least and start & follow:
        if is_repeated:
            raise EndlessError
        yield int(most) - int(least)
    again = follow | start if most > 1 else follow
    yield from _choices(list(body), again, is_repeated=is_repeated or most > 1)


def _of_branch(branches: Sequence[Items], follow: Characters, *, is_repeated: bool) -> Iterator[int]:
    seen: Characters = frozenset()
    is_clear = True
    for branch in branches:
        start, is_nothing = _first(branch)
        start = start | follow if is_nothing else start
        is_clear = is_clear and not start & seen
        seen |= start
        yield from _choices(list(branch), follow, is_repeated=is_repeated)
    if not is_clear:
        if is_repeated:
            raise EndlessError
        yield len(branches) - 1


def _first(items: Items) -> tuple[Characters, bool]:
    """The characters with which a row of items can begin, and whether it can be nothing."""
    found: Characters = frozenset()
    for kind, about in items:
        start, is_nothing = _start_of(str(kind), about)
        found |= start
        if not is_nothing:
            return found, False
    return found, True


def _start_of(kind: str, about: Any) -> tuple[Characters, bool]:  # noqa: ANN401  the parser's tree
    if kind == "AT":
        return frozenset(), True
    if kind == "LITERAL":
        return frozenset({min(about, _OTHER)}), False
    if kind == "IN":
        return _set_of(about), False
    if kind == "BRANCH":
        starts = [_first(branch) for branch in about[1]]
        return frozenset().union(*(one for one, _ in starts)), any(nothing for _, nothing in starts)
    if kind in _REPEATS:
        start, is_nothing = _first(about[2])
        return start, is_nothing or about[0] == 0
    if kind in ("SUBPATTERN", "ATOMIC_GROUP"):
        return _first(_inside(kind, about))
    return (_ALL - {about} if kind == "NOT_LITERAL" and about < _OTHER else _ALL), False


def _inside(kind: object, about: Any) -> list[Any]:  # noqa: ANN401  the parser's tree
    return list(about[3] if str(kind) == "SUBPATTERN" else about)


def _set_of(parts: Items) -> Characters:
    """The characters that a class in brackets means."""
    found: Characters = frozenset()
    is_negated = False
    for kind, about in parts:
        if str(kind) == "NEGATE":
            is_negated = True
        elif str(kind) == "RANGE":
            low, high = about
            found |= frozenset(range(low, min(high, _OTHER) + 1)) | (
                {_OTHER} if high >= _OTHER else frozenset()
            )
        elif str(kind) == "LITERAL":
            found |= {min(about, _OTHER)}
        else:
            found |= _category(str(about))
    return _ALL - (found - {_OTHER}) if is_negated else found


def _category(name: str) -> Characters:
    plain = name.replace("_NOT_", "_")
    found = _CLASSES.get(plain, _ALL)
    return found if plain == name else _ALL - (found - {_OTHER})
