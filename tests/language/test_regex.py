"""Regular expressions that are compiled later, compared with those of the standard library."""

import re
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobfile.model.regex import regex
from tests.known import ROOT, known_files

COMPILE_ALL = """
import gc, importlib, sys
from jobfile.model.regex import regex
for name in sys.argv[1:]:
    importlib.import_module(name)
print(len([one.flags for one in gc.get_objects() if isinstance(one, regex)]))
"""


@given(st.sampled_from(["search", "match", "fullmatch", "findall", "split"]), st.text("aAb1 ", max_size=8))
def test_a_later_regular_expression_answers_like_an_earlier_one(method: str, text: str) -> None:
    later, earlier = regex(r"(a+)b?", re.IGNORECASE), re.compile(r"(a+)b?", re.IGNORECASE)
    answers = [getattr(one, method)(text) for one in (later, later, earlier)]
    assert len({repr(one) for one in answers}) == 1
    assert (later.sub("-", text), later.pattern, later.flags) == (
        earlier.sub("-", text),
        earlier.pattern,
        earlier.flags,
    )


def test_every_regular_expression_of_the_project_can_be_compiled() -> None:
    files = (path.relative_to(ROOT).with_suffix("") for path in known_files("jobfile", "*.py"))
    names = [".".join(file.parts).removesuffix(".__init__") for file in files]
    done = subprocess.run(
        [sys.executable, "-c", COMPILE_ALL, *names], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert int(done.stdout) > 100


def test_what_a_regular_expression_does_not_have_is_a_plain_error() -> None:
    with pytest.raises(AttributeError, match="scan"):
        _ = regex("a").scan  # type: ignore[attr-defined]
