"""Blanks, comments and lines decide nothing: what is refused on one line is refused on several."""

from typing import Literal

import pytest

from tests.language.shell_generators import BASH_CONTEXTS, CONTEXTS, RISKY, layouts
from tests.language.test_shell import ORDINARY, REFUSED, WARNINGS, codes, compiled

Dialect = Literal["sh", "bash"]


@pytest.mark.parametrize("dialect", ["sh", "bash"])
def test_what_is_refused_is_refused_in_every_layout(dialect: Dialect) -> None:
    tried = 0
    for script, code in REFUSED:
        if code == "JF409":
            continue
        for one in layouts(script):
            tried += 1
            found = codes(one, dialect=dialect)
            assert code in found or found - WARNINGS, (one, found)
    assert tried > 2000


@pytest.mark.parametrize("dialect", ["sh", "bash"])
def test_what_may_run_its_value_is_refused_in_every_layout(dialect: Dialect) -> None:
    for script in RISKY:
        if compiled(script, dialect=dialect) is None:
            for one in layouts(script):
                assert compiled(one, dialect=dialect) is None, one


def test_what_is_accepted_is_seldom_refused_in_another_layout() -> None:
    tried, refused = 0, []
    for script in [*ORDINARY, *CONTEXTS, *BASH_CONTEXTS]:
        for one in layouts(script):
            tried += 1
            if compiled(one, dialect="bash") is None:
                refused.append(one)
    print(f"{len(refused)} of {tried} layouts refused")
    assert len(refused) * 20 < tried, refused
