"""Did you mean."""

from functools import cache
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobfile.diagnostics.suggest import fold, suggest
from tests.soak import examples

KEYS = ("description", "enabled", "schedule", "timezone", "timeout", "retry", "run", "env", "kill_grace")

words = st.text(alphabet="abcdeTZ_- ", min_size=1, max_size=12)


@settings(deadline=None, max_examples=examples(50))
@given(words, st.lists(words, max_size=6))
def test_what_is_suggested_is_a_candidate_and_never_more_than_two(word, candidates):
    found = suggest(word, candidates)
    assert len(found) <= 2
    assert set(found) <= set(candidates)


@settings(deadline=None, max_examples=examples(50))
@given(words, st.lists(words, max_size=6))
def test_a_candidate_that_differs_only_in_case_and_joining_wins(word, candidates):
    twin = word.swapcase()
    same = {one for one in [twin, *candidates] if fold(one) == fold(word)}
    found = suggest(word, [*candidates, twin])
    assert set(found) == (same if len(same) <= 2 else set())


@settings(deadline=None, max_examples=examples(50))
@given(st.text(alphabet="abcdefgh", min_size=3, max_size=14), st.data())
def test_one_typing_mistake_in_three_letters_or_more_is_recognised(word, data):
    at = data.draw(st.integers(0, len(word) - 2))
    swapped = word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    assert suggest(swapped, [word]) == (word,)
    assert suggest(word[:at] + "z" + word[at + 1 :], [word]) == (word,)
    assert suggest(word[:at] + "z" + word[at:], [word]) == (word,)


@cache
def distance(a: str, b: str) -> int:
    """Typing mistakes between two words, by the definition."""
    if not a or not b:
        return len(a) + len(b)
    ways = [distance(a[:-1], b) + 1, distance(a, b[:-1]) + 1]
    ways.append(distance(a[:-1], b[:-1]) + (a[-1] != b[-1]))
    if len(a) > 1 and len(b) > 1 and a[-2:] == b[-1] + b[-2]:
        ways.append(distance(a[:-2], b[:-2]) + 1)
    return min(ways)


@pytest.mark.parametrize(("frame", "most"), [("{}", 1), ("x{}yyy", 2), ("{}bababa", 3), ("abcabca{}b", 3)])
def test_a_word_is_near_exactly_when_it_has_no_more_mistakes_than_allowed(frame: str, most: int) -> None:
    parts = ["".join(letters) for size in range(5) for letters in product("abc", repeat=size)]
    for one, other in product((part for part in parts if len(part) == 3), parts):
        word, candidate = frame.format(one), frame.format(other)
        assert (suggest(word, [candidate]) == (candidate,)) == (distance(word, candidate) <= most)


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("Timeout", ("timeout",)),
        ("kill-grace", ("kill_grace",)),
        ("time_zone", ("timezone",)),
        ("scheduel", ("schedule",)),
        ("descriptioon", ("description",)),
        ("retrry", ("retry",)),
        ("rn", ()),
        ("envs", ("env",)),
        ("every", ()),
        ("xxxxxxxxxxxx", ()),
        ("", ()),
    ],
)
def test_keys_of_a_job(word, expected):
    assert suggest(word, KEYS) == expected


def test_two_equally_near_names_are_suggested_and_three_are_not():
    assert suggest("tame", ["name", "time"]) == ("name", "time")
    assert suggest("tame", ["name", "time", "take"]) == ()


def test_a_nearer_candidate_beats_a_farther_one_whatever_their_order():
    assert suggest("enabld", ["enables", "enabled"]) == ("enabled",)
    assert suggest("enabld", ["enabled", "enables"]) == ("enabled",)


def test_a_word_as_long_as_a_file_costs_nothing():
    assert suggest("x" * 1_000_000, KEYS) == ()
