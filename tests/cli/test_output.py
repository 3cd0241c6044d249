"""The one rule for colours, and colours that are forced into a pipe."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from engine.cli.output import is_coloured
from engine.core.events import NotRunTold
from engine.core.lifecycle import RunState
from engine.core.reasons import Reason
from engine.journal.shown import Shown
from jobfile.render.style import COLOURED, PLAIN
from tests.cli.conftest import JOBS, Jobfile

COLOUR = re.compile(r"\x1b\[\d+m")
NUMBER = re.compile(r"\d[\d.,]*")


@pytest.mark.parametrize(
    ("environ", "on_a_terminal", "in_a_pipe"),
    [
        ({}, True, False),
        ({"TERM": "xterm-256color"}, True, False),
        ({"TERM": "dumb"}, False, False),
        ({"NO_COLOR": "1"}, False, False),
        ({"NO_COLOR": ""}, True, False),
        ({"NO_COLOR": "0"}, False, False),
        ({"FORCE_COLOR": "1"}, True, True),
        ({"FORCE_COLOR": "3"}, True, True),
        ({"FORCE_COLOR": "0"}, True, False),
        ({"FORCE_COLOR": ""}, True, False),
        ({"CLICOLOR_FORCE": "1"}, True, True),
        ({"CLICOLOR_FORCE": "0"}, True, False),
        ({"FORCE_COLOR": "1", "TERM": "dumb"}, True, True),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False, False),
        ({"CLICOLOR_FORCE": "1", "NO_COLOR": "1"}, False, False),
    ],
)
def test_one_rule_says_whether_there_are_colours(
    environ: dict[str, str], on_a_terminal: bool, in_a_pipe: bool
) -> None:
    assert is_coloured(environ, is_terminal=True) is on_a_terminal
    assert is_coloured(environ, is_terminal=False) is in_a_pipe


NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
CASES = """\
version: 1
tests:
  it fails:
    job: bad
    given: {attempts: [exit 7]}
    expect: {state: failed}
  it is wrong:
    job: bad
    given: {attempts: [exit 7]}
    expect: {state: succeeded}
"""


PAINTED = {
    "did bad": ("31", "failed"),
    "why bad": ("31", "failed"),
    "runs": ("31", "failed"),
    "list": ("31", "✗"),
    "report": ("31", "1"),
    "retry --failed --dry-run": ("31", "failed"),
    "status": ("33", "paused"),
    "doctor": ("32", "ok "),
    "test": ("31", "FAIL"),
    "generations": ("32", "+4"),
    "audit verify": ("32", "the audit is intact"),
    "fmt --diff loose.yaml": ("32", "+  a:"),
    "plan": ("33", "~ bad"),
    "check -f wrong.yaml": ("31", "error[JF101]"),
}


def test_commands_colour_what_matters_and_in_a_pipe_only_when_they_must(
    jobfile: Jobfile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobfile("apply", "--yes")
    jobfile("run", "bad")
    jobfile("pause", "good")
    (tmp_path / "jobs.yaml").write_text(JOBS.replace("exit 7", "exit 8"))
    (tmp_path / "wrong.yaml").write_text("version: 1\njobs: {a: {run: echo, retires: 2}}\n")
    (tmp_path / "loose.yaml").write_text("version: 1\njobs:\n      a:\n            run: echo\n")
    (tmp_path / "good.test.yaml").write_text(CASES)
    for arguments, (number, text) in PAINTED.items():
        monkeypatch.delenv("FORCE_COLOR", raising=False)
        plain = jobfile(*arguments.split()).out
        monkeypatch.setenv("FORCE_COLOR", "1")
        coloured = jobfile(*arguments.split()).out
        marks = re.findall(r"\x1b\[(\d+)m([^\x1b\n]+)", coloured)
        assert any(mark == number and painted.startswith(text) for mark, painted in marks), coloured
        assert "\x1b" not in plain
        # Numbers differ between two calls: free disk space, how long it took.
        assert NUMBER.sub("", COLOUR.sub("", coloured)) == NUMBER.sub("", plain)


def test_the_engine_colours_states_on_its_console() -> None:
    lines: list[str] = []
    told = NotRunTold(
        job="a", state=RunState.MISSED, count=2, reason=Reason.ENGINE_DOWN, first_at=NOON, last_at=NOON
    )
    for style in (PLAIN, COLOURED):
        Shown(lines.append, style=style).take([told], NOON)
    plain, coloured = lines
    assert "\x1b[31mmissed\x1b[0m: the engine was not running" in coloured
    assert COLOUR.sub("", coloured) == plain


def test_the_last_line_of_a_run_has_the_colour_of_its_end(
    jobfile: Jobfile, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "\x1b" not in jobfile("run", "bad").err
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "bad: \x1b[31mfailed\x1b[0m after" in jobfile("run", "bad").err
