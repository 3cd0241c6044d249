"""Patterns for the names of files mean what they mean in a shell."""

import subprocess
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobfile.model.name_patterns import MAX_CHOICES, choices_of, name_matcher

MATCHES = (
    ("*", "a.csv"),
    ("*", "-rf"),
    ("*", "two\nlines"),
    ("*", "caf\udce9"),
    ("*.csv", "a.csv"),
    ("*.{csv,txt}", "a.txt"),
    ("{in,out}-*.{csv,t{xt,sv}}", "out-1.tsv"),
    ("report-?.pdf", "report-7.pdf"),
    ("[0-9]*", "7up"),
    ("[!0-9]*", "up7"),
    (".*", ".hidden"),
    ("{.,}*", ".hidden"),
    ("a{b", "a{b"),
    ("a{b}", "a{b}"),
    ("{a,b", "{a,b"),
    ("a}b", "a}b"),
    ("{,x}", "x"),
    ("a'b\"", "a'b\""),
)
DIFFERS = (
    ("*", ".hidden"),
    ("*.csv", "a.csv.part"),
    ("*.csv", ".a.csv"),
    ("*.csv", "a.CSV"),
    ("*.csv", "a.csv\n"),
    ("*.{csv,txt}", "a.{csv,txt}"),
    ("{a,b}", "a,b"),
    ("?", ".x"),
    ("a?", "a"),
    ("[.]x", ".x"),
)


@pytest.mark.parametrize(("pattern", "name"), MATCHES)
def test_a_name_matches(pattern: str, name: str) -> None:
    assert name_matcher(pattern)(name)


@pytest.mark.parametrize(("pattern", "name"), DIFFERS)
def test_a_name_does_not_match(pattern: str, name: str) -> None:
    assert not name_matcher(pattern)(name)


WORDS = st.text("ab", min_size=1, max_size=2)
PATTERNS = st.recursive(
    WORDS,
    lambda inner: (
        st.lists(inner, min_size=1, max_size=3).map("".join)
        | st.lists(inner, min_size=1, max_size=3).map(lambda parts: f"{{{','.join(parts)}}}")
    ),
    max_leaves=6,
)


@given(pattern=PATTERNS)
def test_braces_stand_for_what_bash_makes_of_them(pattern: str) -> None:
    found = list(choices_of(f"x{pattern}"))
    said = subprocess.run(
        ["bash", "-c", f"printf '%s\\n' x{pattern}"], capture_output=True, text=True, check=True
    )
    assert found == said.stdout.splitlines()


def test_too_many_choices_are_refused() -> None:
    with pytest.raises(ValueError, match="more than 256"):
        name_matcher("{a,b}" * 30)
    assert len(list(choices_of("{a,b}" * 8))) == MAX_CHOICES
    assert name_matcher("{a,b}" * 8)("abababab")


def test_a_hostile_name_costs_little_time() -> None:
    matches = name_matcher("*a*a*a*a*a*a*a*b")
    began = time.process_time()
    assert not matches("a" * 255)
    assert time.process_time() - began < 0.1
