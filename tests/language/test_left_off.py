"""Very many findings: no form grows with them, each says how many it leaves off, and warnings go first."""

import json
from collections.abc import Callable
from functools import cache

import pytest

from jobfile.diagnostics.diagnostic import MAX_SHOWN, MAX_TEXT, Diagnostic, Severity
from jobfile.pipeline import Compiled, check_files
from jobfile.render.ci import render_github, render_gitlab, render_sarif
from jobfile.render.text import render_short, render_text, to_json

ERRORS = 30
WARNINGS = MAX_SHOWN + 200
TOKEN = "ghp_0123456789abcdefghijABCDEFGHIJ0123"
FILE = (
    "version: 1\njobs:\n"
    + "".join(f"  j{at}: {{run: x, env: {{K: '{TOKEN}{at:04}'}}}}\n" for at in range(WARNINGS))
    + "".join(f"  z{at}: {{run: x, timezone: No/Where}}\n" for at in range(ERRORS))
)


@cache
def looked() -> Compiled:
    return check_files([("jobs.yaml", FILE.encode())])


@pytest.fixture
def found() -> list[Diagnostic]:
    return [one for one in looked().diagnostics if one.severity is not Severity.INFO]


@pytest.fixture
def left_off(found: list[Diagnostic]) -> int:
    return len(found) - MAX_SHOWN


def as_text(found: list[Diagnostic]) -> str:
    return render_text(found, sources=looked().sources)


def as_github(found: list[Diagnostic]) -> str:
    return render_github(found, log=as_text(found))


def as_sarif(found: list[Diagnostic]) -> str:
    return render_sarif(found, version="1")


@pytest.mark.parametrize("render", [as_text, render_short, as_github, render_gitlab, as_sarif])
def test_each_form_says_how_many_it_leaves_off(
    render: Callable[[list[Diagnostic]], str], found: list[Diagnostic], left_off: int
) -> None:
    text = render(found)
    assert len(text) < 1_500_000
    assert text.count("JF605") <= 4 * MAX_SHOWN
    assert f"and {left_off:,} more, not shown" in text
    assert "more, not shown" not in render(found[-MAX_SHOWN:])


def test_no_error_is_left_off_before_a_warning(found: list[Diagnostic]) -> None:
    assert render_short(found).count("error JF305") == ERRORS
    assert render_short(found).count("warning JF605") == MAX_SHOWN - ERRORS
    sarif = json.loads(as_sarif(found))["runs"][0]["results"]
    assert sum(one["level"] == "error" for one in sarif) == ERRORS


def test_json_counts_all_and_says_what_is_missing(found: list[Diagnostic], left_off: int) -> None:
    told = to_json(found, sources=looked().sources, files=["jobs.yaml"])
    shown = told["diagnostics"]
    assert isinstance(shown, list)
    assert (told["errors"], len(shown), told["left_off"]) == (ERRORS, MAX_SHOWN, left_off)
    assert told["valid"] is False
    assert sum(one["severity"] == "error" for one in shown) == ERRORS
    assert [one["range"]["start"]["line"] for one in shown] == sorted(
        one["range"]["start"]["line"] for one in shown
    )


def test_no_text_of_a_finding_is_of_any_length() -> None:
    names = ", ".join(f"e{at}" for at in range(20_000))
    file = (
        f"version: 1\njobs: {{a: {{run: x, params: {{p: {{type: string, default: x, enum: [{names}]}}}}}}}}\n"
    )
    (found,) = (one for one in check_files([("jobs.yaml", file.encode())]).diagnostics if one.is_error)
    assert "and 19,980 more" in found.label
    long = f"version: 1\njobs: {{a: {{run: x, {'k' * 100_000}: 1}}}}\n"
    for one in check_files([("jobs.yaml", long.encode())]).diagnostics:
        assert all(len(text) <= MAX_TEXT for text in (one.message, one.label, *one.notes, *one.help))
