"""Did you mean: the names nearest to a mistyped one."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import lru_cache

MAX_WORD = 80
"""Longer names are not compared: neither the mistyped name nor the intended one."""
MANY = 200
"""Above this number of names only one mistake is allowed, which needs no search."""

_SEPARATORS = str.maketrans("", "", "-_ ")


@lru_cache(maxsize=4096)
def fold(word: str) -> str:
    """The word in lower case and without `-` and `_`: these are the most frequent differences."""
    return word.casefold().translate(_SEPARATORS)


def suggest(word: str, candidates: Iterable[str]) -> tuple[str, ...]:
    """The nearest candidate; both if two are equally near; none if nothing is near or more are tied.

    A name that differs only in case, `-` or `_` has distance 0, so it wins over all others.
    """
    if len(word) > MAX_WORD:
        return ()
    wanted = fold(word)
    least = _tolerance(len(wanted))
    names = candidates if isinstance(candidates, frozenset) else tuple(candidates)
    is_many = len(names) > MANY
    least = min(least, 1) if is_many else least
    nearest: list[str] = []
    for candidate in _within_one(wanted, names) if is_many else dict.fromkeys(_ordered(names)):
        if len(candidate) > MAX_WORD:
            continue
        distance = _distance(wanted, fold(candidate), least)
        if distance < least:
            nearest, least = [candidate], distance
        elif distance == least:
            nearest.append(candidate)
    return tuple(nearest) if len(nearest) <= 2 else ()


def _ordered(names: tuple[str, ...] | frozenset[str]) -> Iterable[str]:
    return sorted(names) if isinstance(names, frozenset) else names


def _within_one(wanted: str, names: tuple[str, ...] | frozenset[str]) -> list[str]:
    """The names that are one mistake away, and some that are two."""
    index = _index(names)
    near = {name for key in _shortened(wanted) for name in index.get(key, ())}
    return sorted(near)


@lru_cache(maxsize=4)
def _index(names: tuple[str, ...] | frozenset[str]) -> Mapping[str, list[str]]:
    """An index of names: by the name, and by the name without any one letter."""
    found: dict[str, list[str]] = defaultdict(list)
    for name in names:
        if len(name) <= MAX_WORD:
            for key in _shortened(fold(name)):
                found[key].append(name)
    return found


def _shortened(word: str) -> set[str]:
    return {word, *(word[:at] + word[at + 1 :] for at in range(len(word)))}


def did_you_mean(names: Iterable[str]) -> str:
    """The question for what `suggest` found."""
    return f"did you mean {' or '.join(f'`{name}`' for name in names)}?"


def _tolerance(length: int) -> int:
    """How many typing mistakes a word may have and still be recognised: always less than half its letters."""
    allowed = 1 if length <= 4 else 2 if length <= 8 else 3
    return min(allowed, max(0, (length - 1) // 2))


def _distance(a: str, b: str, most: int) -> int:
    """Damerau-Levenshtein distance (adjacent letters swapped count one), or `most` + 1 when it is larger."""
    if abs(len(a) - len(b)) > most or len(_letters(a) - _letters(b)) > most:
        return most + 1
    a, b = _where_they_differ(a, b)
    above: list[int] = []
    last = list(range(len(b) + 1))
    for i, letter in enumerate(a, 1):
        row = [i]
        for j, other in enumerate(b, 1):
            cost = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (letter != other))
            if i > 1 and j > 1 and letter == b[j - 2] and a[i - 2] == other:
                cost = min(cost, above[j - 2] + 1)
            row.append(cost)
        if min(row) > most:
            return most + 1
        above, last = last, row
    return min(last[-1], most + 1)


def _where_they_differ(a: str, b: str) -> tuple[str, str]:
    """Both words without what they have in common at the start and at the end: it adds no distance."""
    shorter = min(len(a), len(b))
    start = end = 0
    while start < shorter and a[start] == b[start]:
        start += 1
    while end < shorter - start and a[-1 - end] == b[-1 - end]:
        end += 1
    return a[start : len(a) - end], b[start : len(b) - end]


@lru_cache(maxsize=4096)
def _letters(word: str) -> frozenset[str]:
    return frozenset(word)
