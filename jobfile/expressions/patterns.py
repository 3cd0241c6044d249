"""Matches patterns of params in linear time: each character of a text is read once, for any pattern.

The time of a backtracking search (`re`) can double with each character. Here all ways to match the text
are followed at once, as a set of places in the pattern, so no pattern and no text takes long:
a comparison costs at most `MAX_LENGTH` steps over `MAX_PLACES` bits.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from re import _parser  # type: ignore[attr-defined]  # the only pattern parser that agrees with `re`
from typing import Any, Final  # the parser's tree is not typed

from jobfile.model.namedtuple import NamedTuple

MAX_LENGTH: Final = 1024
"""Maximum characters of a value that is matched with a pattern."""
MAX_PLACES: Final = 2048
"""Maximum characters and forks of a pattern with its repetitions expanded: `a{3}(b|c)` has 6, `[a-z]+` 3."""

_KEPT: Final = 32
"""Compiled patterns kept in a cache, at most about 300 kB each."""
_KNOWN: Final = 4096
"""Pattern sizes kept in a cache."""
_CATEGORIES: Final[dict[str, Callable[[str], bool]]] = {
    "CATEGORY_DIGIT": str.isdecimal,
    "CATEGORY_SPACE": str.isspace,
    "CATEGORY_WORD": lambda sign: sign.isalnum() or sign == "_",
    "CATEGORY_NOT_DIGIT": lambda sign: not sign.isdecimal(),
    "CATEGORY_NOT_SPACE": lambda sign: not sign.isspace(),
    "CATEGORY_NOT_WORD": lambda sign: not (sign.isalnum() or sign == "_"),
}
_SIGNS_OF: Final[dict[str, set[str]]] = {"CATEGORY_DIGIT": {"0"}, "CATEGORY_WORD": {"0", "a", "_"}}
_ASCII: Final = 127
_REPEATS: Final = ("MAX_REPEAT", "MIN_REPEAT")
_CHARACTERS: Final = ("LITERAL", "NOT_LITERAL", "ANY", "IN")
_REFUSED: Final = {
    "GROUPREF": "backreferences and lookaround are not supported",
    "GROUPREF_EXISTS": "backreferences and lookaround are not supported",
    "ASSERT": "backreferences and lookaround are not supported",
    "ASSERT_NOT": "backreferences and lookaround are not supported",
    "ATOMIC_GROUP": "atomic groups such as `(?>…)` are not supported",
    "POSSESSIVE_REPEAT": "possessive repetitions such as `a++` are not supported",
}

Items = Sequence[Any]
Test = Callable[[str], bool]


class UnsupportedError(Exception):
    """The pattern is invalid, or cannot be matched in linear time; the message says why."""


class _Around(NamedTuple):
    """What `^`, `$` and `\\b` depend on at one point of a text."""

    before: str
    after: str
    is_last: bool

    def holds(self, kind: str) -> bool:
        is_word = _CATEGORIES["CATEGORY_WORD"]
        if kind in ("AT_BEGINNING", "AT_BEGINNING_STRING"):
            return not self.before
        if kind == "AT_END":
            return not self.after or (self.after == "\n" and self.is_last)
        if kind == "AT_END_STRING":
            return not self.after
        is_edge = (self.before != "" and is_word(self.before)) != (self.after != "" and is_word(self.after))
        return is_edge == (kind == "AT_BOUNDARY")


@lru_cache(maxsize=_KNOWN)
def size_of(pattern: str) -> int:
    """The number of places in a pattern, without expanding it; raises if it is not supported."""
    try:
        tree = _parser.parse(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        raise UnsupportedError(f"invalid pattern: {error}") from error
    if tree.state.flags & ~_parser.SRE_FLAG_UNICODE:
        raise UnsupportedError("flags, as `(?i)`, are not supported")
    size = _size(tree)
    if size > MAX_PLACES:
        raise UnsupportedError(
            f"it has {size:,} places with its repetitions expanded; the limit is {MAX_PLACES:,}"
        )
    return size


def matches(pattern: str, text: str) -> bool:
    """Whether a whole text matches a supported pattern; a text above `MAX_LENGTH` characters never does."""
    return len(text) <= MAX_LENGTH and _compiled(pattern).fits(text)


@lru_cache(maxsize=_KEPT)
def _compiled(pattern: str) -> "_Machine":
    size_of(pattern)
    return _Machine(_parser.parse(pattern))


@lru_cache(maxsize=_KNOWN)
def is_limited_to(pattern: str, allowed: str) -> bool:
    """Whether each value that matches has only these characters; "a" stands for letters, "0" for digits.

    A value that is empty, begins with a dash or contains two dashes together means something else to many
    programs, so a pattern that allows one is not limited.
    """
    try:
        size_of(pattern)
    except UnsupportedError:
        return False
    return _signs(_parser.parse(pattern)) <= set(allowed) and not _compiled(pattern).is_loose("-")


def _signs(items: Items) -> set[str]:
    """The characters in a pattern; `*` if there can be any."""
    found: set[str] = set()
    for kind, about in items:
        match str(kind):
            case "MAX_REPEAT" | "MIN_REPEAT":
                found |= _signs(about[2])
            case "BRANCH":
                found = found.union(*map(_signs, about[1]))
            case "SUBPATTERN":
                found |= _signs(about[3])
            case "IN":
                found |= _signs(about)
            case "LITERAL":
                found.add(_sign(about))
            case "RANGE":
                found |= {_sign(one) for one in range(about[0], min(about[1], _ASCII) + 1)}
                found |= {"*"} if about[1] > _ASCII else set()
            case "CATEGORY":
                found |= _SIGNS_OF.get(str(about), {"*"})
            case "AT":
                pass
            case _:
                found.add("*")
    return found


def _sign(code: int) -> str:
    sign = chr(code)
    return "*" if code > _ASCII else "a" if sign.isalpha() else "0" if sign.isdigit() else sign


def _size(items: Items) -> int:
    """At least 1: repeating an empty part costs time too."""
    return max(1, sum(_size_of_one(str(kind), about) for kind, about in items))


def _size_of_one(kind: str, about: Any) -> int:  # noqa: ANN401  the parser's tree
    if kind in _REFUSED:
        raise UnsupportedError(_REFUSED[kind])
    if kind in _REPEATS:
        least, most, body = about
        forks = 1 if most >= MAX_LENGTH else most - least
        return int(forks + _copies(least, most) * _size(body))
    if kind == "BRANCH":
        return 1 + sum(_size(branch) for branch in about[1])
    if kind == "SUBPATTERN":
        _, added, removed, body = about
        if added or removed:
            raise UnsupportedError("flags, as `(?i)`, are not supported")
        return _size(body)
    if kind not in _CHARACTERS and kind != "AT":
        raise UnsupportedError("this pattern is not supported")
    return 1


def _copies(least: int, most: int) -> int:
    """How many copies of its body a repetition has: one more if it has no upper limit."""
    return least + 1 if most >= MAX_LENGTH else most


class _Machine:
    """A pattern as an automaton: nodes that test one character, forks, and conditions on the surrounding
    text.

    This is Thompson's construction: all paths are followed at once, so a text is read once. The nodes are
    made from the end to the beginning, because a node needs the number of the node after it. A set of nodes
    is the bits of an integer, so one operation unites a thousand of them.
    """

    def __init__(self, tree: Items) -> None:
        self._tests: dict[str, tuple[Test, int]] = {}
        self._conditions: dict[int, str] = {}
        self._follow: list[tuple[int, ...]] = [()]  # node 0 is the end
        self._is_character = [False]
        self._first = self._row(tree, 0)

    def fits(self, text: str) -> bool:
        """Whether some path through the nodes reads the whole text."""
        reached: dict[_Around | None, list[int]] = {}
        steps: dict[tuple[_Around | None, int, int], int] = {}
        accepted: dict[str, int] = {}
        around = self._around(text, 0)
        alive = self._reached(around, reached)[self._first]
        for at, sign in enumerate(text):
            if sign not in accepted:
                accepted[sign] = sum(bits for test, bits in self._tests.values() if test(sign))
            alive &= accepted[sign]
            if not alive:
                return False
            around = self._around(text, at + 1)
            after = self._reached(around, reached)
            alive = self._step(alive, after, around, steps)
        return bool(alive & 1)

    def is_loose(self, sign: str) -> bool:
        """Whether a matching text may be empty, begin with this character or contain it twice in a row.

        Conditions are taken as true, so this may say yes too often.
        """
        after = self._reached(None, {})
        accepting = sum(bits for test, bits in self._tests.values() if test(sign))
        doubled = (after[self._follow[node][0]] for node in self._nodes() if accepting >> node & 1)
        return bool(after[self._first] & (accepting | 1)) or any(accepting & one for one in doubled)

    def _step(
        self,
        alive: int,
        after: list[int],
        around: _Around | None,
        steps: dict[tuple[_Around | None, int, int], int],
    ) -> int:
        """The nodes that are reached when each active node has read its character.

        It handles eight nodes at a time and remembers the result for each byte of `alive`: a long text
        repeats few such bytes, and this is the innermost loop.
        """
        found = 0
        for index, byte in enumerate(alive.to_bytes(len(self._follow) // 8 + 1, "little")):
            if byte:
                key = (around, index, byte)
                bits = steps.get(key)
                if bits is None:
                    bits = 0
                    for low in range(8):
                        if byte >> low & 1:
                            bits |= after[self._follow[index * 8 + low][0]]
                    steps[key] = bits
                found |= bits
        return found

    def _around(self, text: str, at: int) -> _Around | None:
        """The surroundings of a point, reduced to the few cases that
        conditions can tell apart; None without conditions.
        """
        if not self._conditions:
            return None
        is_word = _CATEGORIES["CATEGORY_WORD"]
        before, after = text[at - 1 : at] if at else "", text[at : at + 1]
        is_last = at == len(text) - 1 and after == "\n"
        return _Around(
            before and ("a" if is_word(before) else "-"),
            after and ("a" if is_word(after) else "\n" if is_last else "-"),
            is_last,
        )

    def _reached(self, around: _Around | None, known: dict[_Around | None, list[int]]) -> list[int]:
        """For each node, the character nodes and the end that can be reached from it without reading."""
        found = known.get(around)
        if found is None:
            found = known[around] = [1 << node if self._is_character[node] else 0 for node in self._nodes()]
            found[0] = 1
            inner = [
                node
                for node in self._nodes()
                if self._follow[node] and not self._is_character[node] and self._is_open(node, around)
            ]
            is_changed = True
            # Nodes have been made from the end, so one pass is enough unless a repetition leads back.
            while is_changed:
                is_changed = False
                for node in inner:
                    bits = found[node]
                    for follow in self._follow[node]:
                        bits |= found[follow]
                    is_changed = is_changed or bits != found[node]
                    found[node] = bits
        return found

    def _nodes(self) -> range:
        return range(len(self._follow))

    def _is_open(self, node: int, around: _Around | None) -> bool:
        return around is None or node not in self._conditions or around.holds(self._conditions[node])

    def _add(self, *follow: int, is_character: bool = False) -> int:
        self._follow.append(follow)
        self._is_character.append(is_character)
        return len(self._follow) - 1

    def _row(self, items: Items, follow: int) -> int:
        for kind, about in reversed(items):
            follow = self._one(str(kind), about, follow)
        return follow

    def _one(self, kind: str, about: Any, follow: int) -> int:  # noqa: ANN401  the parser's tree
        if kind in _REPEATS:
            return self._repeat(about, follow)
        if kind == "BRANCH":
            return self._add(*(self._row(branch, follow) for branch in about[1]))
        if kind == "SUBPATTERN":
            return self._row(about[3], follow)
        node = self._add(follow, is_character=kind != "AT")
        if kind == "AT":
            self._conditions[node] = str(about)
        else:
            name = f"{kind} {about}"
            test, bits = self._tests.get(name) or (_test_of(kind, about), 0)
            self._tests[name] = (test, bits | 1 << node)
        return node

    def _repeat(self, about: tuple[int, int, Items], follow: int) -> int:
        least, most, body = about
        if most >= MAX_LENGTH:  # no limit that a text could reach: a loop
            again = self._add()
            self._follow[again] = (self._row(body, again), follow)
            follow = again
        else:
            leave = follow
            for _ in range(most - least):
                follow = self._add(self._row(body, follow), leave)
        for _ in range(least):
            follow = self._row(body, follow)
        return follow


def _test_of(kind: str, about: Any) -> Test:  # noqa: ANN401  the parser's tree
    if kind == "LITERAL":
        return lambda sign: ord(sign) == about
    if kind == "NOT_LITERAL":
        return lambda sign: ord(sign) != about
    if kind == "ANY":
        return lambda sign: sign != "\n"
    is_negated = bool(about) and str(about[0][0]) == "NEGATE"
    tests = list(_tests_in(about))
    return lambda sign: any(test(sign) for test in tests) != is_negated


def _tests_in(parts: Items) -> Iterator[Test]:
    """The tests of a class in brackets."""
    for kind, about in parts:
        if str(kind) == "RANGE":
            yield _is_between(*about)
        elif str(kind) == "LITERAL":
            yield _is_between(about, about)
        elif str(kind) == "CATEGORY":
            yield _CATEGORIES[str(about)]


def _is_between(low: int, high: int) -> Test:
    return lambda sign: low <= ord(sign) <= high
