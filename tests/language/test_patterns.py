"""Patterns: what they mean is what they say, and no text takes longer than its length allows."""

import re
import sys
import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobfile.expressions.params import check_pattern
from jobfile.expressions.patterns import MAX_LENGTH, MAX_PLACES, UnsupportedError, matches, size_of

MAX_SECONDS = 0.1
Ends = Callable[[str, int], frozenset[int]]
"""Where in a text the reading of a part can end that begins at a place."""
Part = tuple[str, Ends]
"""A pattern's text, with what it means."""

ATOMS = [
    "a", "b", "é", "-", " ", r"\n", ".", r"\d", r"\w", r"\s", r"\D", r"\W", r"\S", "[a-c]", "[^a]", r"[^\w-]",
    r"[\d-]", r"[\Wb]", "^", "$", r"\b", r"\A", r"\Z", "",
]  # fmt: skip


def atom(text: str) -> Part:
    """One character or condition, as `re` has it: a single one cannot take long."""
    found = re.compile(text)

    def ends(of: str, at: int) -> frozenset[int]:
        match = found.match(of, at)
        return frozenset() if match is None else frozenset({match.end()})

    return text, ends


def row(first: Part, second: Part) -> Part:
    def ends(of: str, at: int) -> frozenset[int]:
        return frozenset(end for middle in first[1](of, at) for end in second[1](of, middle))

    return f"{first[0]}{second[0]}", ends


def either(first: Part, second: Part) -> Part:
    return f"({first[0]}|{second[0]})", lambda of, at: first[1](of, at) | second[1](of, at)


def repeated(part: Part, least: int, more: int | None, sign: str) -> Part:
    most = "" if more is None else str(least + more)

    def ends(of: str, at: int) -> frozenset[int]:
        here = frozenset({at})
        for _ in range(least):
            here = frozenset(end for one in here for end in part[1](of, one))
        found = here
        for _ in range(len(of) + 1 if more is None else more):
            here = frozenset(end for one in here for end in part[1](of, one)) - found
            found |= here
        return found

    return f"(?:{part[0]}){{{least},{most}}}{sign}", ends


parts = st.recursive(
    st.sampled_from(ATOMS).map(atom),
    lambda inner: st.one_of(
        st.builds(row, inner, inner),
        st.builds(either, inner, inner),
        st.builds(
            repeated,
            inner,
            st.integers(0, 2),
            st.one_of(st.none(), st.integers(0, 2)),
            st.sampled_from(["", "?"]),
        ),
    ),
    max_leaves=8,
)


@given(parts, st.text("ab1-é \n", max_size=7))
def test_a_pattern_means_what_it_says(part: Part, text: str) -> None:
    pattern, ends = part
    try:
        size_of(pattern)
    except UnsupportedError as error:
        assert "places" in str(error)  # noqa: PT017  a large one is not what this is about
        return
    assert matches(pattern, text) == (len(text) in ends(text, 0)), (pattern, text)


@pytest.mark.parametrize(
    ("pattern", "fits", "fits_not"),
    [
        ("^[a-z]+$", ["a", "abc", "abc\n"][:2], ["", "A", "abc; rm"]),
        (r"\d{4}-\d\d", ["2030-01", "٢٠٣٠-01"], ["2030-1", "x2030-01"]),
        ("(eu|us)-[a-z]+-[0-9]", ["eu-west-1"], ["eu-west", "af-west-1"]),
        (r"arn:aws:iam::\d+:role/[\w+=,.@-]+", ["arn:aws:iam::1:role/a.b"], ["arn:aws:iam::1:role/"]),
        ("([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?[.])+[a-z]{2,63}", ["a.b-c.example"], ["-a.example", "a..b"]),
        ("(a+)+", ["a", "aaaa"], ["", "aab"]),
        ("a{1000,}", ["a" * 1000, "a" * MAX_LENGTH], ["a" * 999, "a" * (MAX_LENGTH + 1)]),
        ("a{2,5000}", ["aa", "a" * MAX_LENGTH], ["a"]),
        ("(?P<year>[0-9]{4})", ["2030"], ["203"]),
        (r"\bfoo\b|\Bx", ["foo"], ["x", "foo "]),
        ("a|", ["a", ""], ["b"]),
        (r"[\]a-]+", ["]-a"], ["b"]),
        ("a$", ["a"], ["a\n"]),
        ("a$\n", ["a\n"], ["a"]),
    ],
)
def test_ordinary_patterns_mean_what_re_makes_of_them(
    pattern: str, fits: list[str], fits_not: list[str]
) -> None:
    assert check_pattern(pattern) is None
    for text in (*fits, *fits_not):
        assert matches(pattern, text) == (text in fits), text
        if len(text) <= MAX_LENGTH:
            assert matches(pattern, text) == (re.fullmatch(pattern, text) is not None), text


SLOW = [
    "(a()?)+", "(?:a(?:)?)+", "(a(b{0})?)+", "(?:(?:ab|a)(?:)?)+?", "(a|a)*b", "(a|aa)*b", "((a*)b*)*c",
    "(a?){50}b", "(?:x*)*y", "((((a+))+))b", r"(\w|\d)*!", "(a*?)*b", "a*" * 66 + "b", ".*.*.*=.*",
    r"\s*\s*\s*x", "a?" * 60 + "a" * 60, "(?:a|a)" * 25 + "b", r"\W+\D+\S+b", "(.+)(.+)(.+)(.+)$",
    "x{1,200}x{1,200}x{1,200}y", "[^,]*,[^,]*,[^,]*", "(?:.?){1000}", "(a{0,1000}|b)!", ".{1,500}:.{1,500}",
    "(((a?){8}){8}){8}b", "((((((a*)*)*)*)*)*)*b", r"(\b|a|\B|$|^){200}x",
    "(?:" * 39 + "a" + ")*" * 39, "(" * 99 + "a" + ")" * 99,
    "|".join("a" * at for at in range(1, 19)), "([a-z]|[b-y]|[c-x]|.)*!",
]  # fmt: skip


@pytest.mark.parametrize("pattern", SLOW)
def test_a_value_is_compared_with_a_pattern_in_a_moment(pattern: str) -> None:
    assert check_pattern(pattern) is None
    for text in ("a", "x", " ", "-", "ab", "\n", "a-"):
        for end in ("", "!"):
            matches(pattern, "")
            assert seconds(pattern, (text * MAX_LENGTH)[: MAX_LENGTH - len(end)] + end) < MAX_SECONDS


@given(parts, st.text("ab1- \n", min_size=1, max_size=3))
def test_no_pattern_takes_more_than_a_few_steps_for_each_character(part: Part, text: str) -> None:
    pattern = part[0] * 3
    if len(pattern) < 200 and check_pattern(pattern) is None:
        matches(pattern, "")
        lengths = (MAX_LENGTH // 4, MAX_LENGTH - 1)
        short, long = (steps(pattern, (text * length)[:length] + "!") for length in lengths)
        assert long <= 5 * short + 5_000


def test_the_places_of_a_pattern_are_limited() -> None:
    assert size_of("(a{512}){4}") == MAX_PLACES
    assert check_pattern("(a{512}){4}") is None
    assert "2,049 places" in str(check_pattern("(a{512}){4}a"))


def seconds(pattern: str, text: str) -> float:
    start = time.process_time()
    matches(pattern, text)
    return time.process_time() - start


def steps(pattern: str, text: str) -> int:
    """How many lines of Python a comparison runs through."""
    count = 0

    def counted(*_: object) -> Callable[..., object]:
        nonlocal count
        count += 1
        return counted

    before = sys.gettrace()
    sys.settrace(counted)
    try:
        matches(pattern, text)
    finally:
        sys.settrace(before)
    return count
