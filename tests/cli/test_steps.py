"""Jobs with steps at the command line: real processes, what is printed while they run, and after."""

import json
from pathlib import Path

import pytest

from engine.answers.graph import FORMS
from tests.cli.conftest import Jobfile
from tests.cli.test_schemas import fits

STEPS = """\
version: 1
jobs:
  etl:
    params: {day: {type: string, default: monday}}
    secrets: {TOKEN: "env:THE_TOKEN"}
    env: {WHO: job}
    steps:
      extract:
        outputs: {rows: {type: integer}}
        run: |
          echo "extracting {{ params.day }} as $WHO"
          echo kept > "$JOBFILE_RUN_DIR/shared"
          echo '{"rows": 3}' >> "$JOBFILE_OUTPUT"
      load:
        env: {WHO: "step {{ item }}"}
        for_each: "['a b', '$(c)']"
        max_parallel: 1
        run: |
          shared=$(cat "$JOBFILE_RUN_DIR/shared")
          echo "load "{{ item }}" of {{ steps.extract.outputs.rows }} as $WHO, $shared"
      never:
        if: params.day == 'sunday'
        run: echo no
      tell:
        run: echo "the token is $TOKEN"; exit {{ steps.load.total }}
  broken:
    steps:
      one: {command: [no-such-program]}
      two: {run: echo two}
"""


@pytest.fixture
def steps(jobfile: Jobfile, monkeypatch: pytest.MonkeyPatch) -> Jobfile:
    Path("jobs.yaml").write_text(STEPS)
    monkeypatch.setenv("THE_TOKEN", "a-very-secret-word")
    return jobfile


def test_each_line_has_the_name_of_its_step_and_the_end_says_which_step_failed(steps: Jobfile) -> None:
    said = steps("run", "etl")
    assert said.code == 1
    assert said.out.splitlines() == [
        "extract | extracting monday as job",
        "load[1] | load a b of 3 as step a b, kept",
        "load[2] | load $(c) of 3 as step $(c), kept",
        "tell | the token is ***",
    ]
    assert "exit code 2: step tell" in said.err


def test_logs_are_those_of_one_step_or_item(steps: Jobfile) -> None:
    steps("run", "etl")
    assert steps("logs", "etl", "extract").out == "extracting monday as job\n"
    assert steps("logs", "etl", "load[2]").out == "load $(c) of 3 as step $(c), kept\n"
    both = steps("logs", "etl", "load").out.splitlines()
    assert both[::2] == ["--- load[1] ---", "--- load[2] ---"]
    assert [line for line in steps("logs", "etl").out.splitlines() if line.startswith("---")] == [
        "--- extract ---",
        "--- load[1] ---",
        "--- load[2] ---",
        "--- tell ---",
    ]
    unknown = steps("logs", "etl", "transform")
    assert (unknown.code, unknown.out) == (64, "")
    assert "its steps are extract, load, never, tell" in unknown.err
    plain = steps("logs", "etl", "load", "--json").json
    fits(plain, "logs")
    assert [(one["step"], one["item"]) for one in plain["attempts"]] == [("load", 1), ("load", 2)]


def test_the_json_has_steps_attempts_and_outputs(steps: Jobfile) -> None:
    plain = steps("run", "etl", "--json").json
    fits(plain, "run")
    assert [(one["step"], one["item"], one["state"]) for one in plain["steps"]] == [
        ("extract", None, "succeeded"),
        ("load", None, "succeeded"),
        ("load", 1, "succeeded"),
        ("load", 2, "succeeded"),
        ("never", None, "skipped"),
        ("tell", None, "failed"),
    ]
    assert "a-very-secret-word" not in json.dumps(plain)
    fits(steps("wait", plain["id"], "--json").json, "wait")
    fits(steps("outputs", "etl", "--json").json, "outputs")


def test_a_program_that_is_not_there_fails_its_step(steps: Jobfile) -> None:
    said = steps("run", "broken")
    assert said.code == 1
    assert "step one" in said.err
    assert "no-such-program" in said.err
    told = steps("why", "broken").out
    assert "two  skipped, step one failed" in told


def test_the_check_of_the_state_folder_finds_nothing_wrong(steps: Jobfile) -> None:
    steps("run", "etl", "-p", "day=sunday")
    steps("run", "broken")
    assert "ok       invariants" in steps("doctor").out


@pytest.mark.parametrize("form", FORMS)
def test_the_command_prints_each_form(steps: Jobfile, form: str) -> None:
    said = steps("show", "etl", "--graph", form)
    assert (said.code, said.err) == (0, "")
    assert all(name in said.out for name in ("extract", "load", "never", "tell"))
    assert steps("show", "etl", "--graph", form, "--json").code == 64
