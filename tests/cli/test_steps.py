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


RETRIED = """\
version: 1
jobs:
  etl:
    steps:
      extract:
        outputs: {rows: {type: integer}}
        run: |
          echo 5 > "$JOBFILE_RUN_DIR/rows"; ln -s rows "$JOBFILE_RUN_DIR/link"; mkfifo "$JOBFILE_RUN_DIR/pipe"
          echo '{"rows": 5}' >> "$JOBFILE_OUTPUT"; echo extracted
      each:
        for_each: "['a', 'b', 'c']"
        run: echo each {{ item }}; test {{ item }} != b || test -e allowed
      load:
        run: echo loaded $(cat "$JOBFILE_RUN_DIR/link") {{ steps.extract.outputs.rows }}
"""


@pytest.fixture
def failed(jobfile: Jobfile) -> str:
    Path("jobs.yaml").write_text(RETRIED)
    assert jobfile("run", "etl").code == 1
    Path("allowed").touch()
    (run,) = jobfile("runs", "--json").json["runs"]
    return str(run["id"])


def test_a_retry_continues_at_the_first_step_that_has_not_succeeded(jobfile: Jobfile, failed: str) -> None:
    said = jobfile("retry", failed)
    assert said.code == 0
    assert said.out.splitlines() == ["each[2] | each b", "load | loaded 5 5"]
    assert f"not run again, since they succeeded in run {failed[:8]}: extract, items of each" in said.err
    (new,) = [one["id"] for one in jobfile("runs", "--json").json["runs"] if one["id"] != failed]
    told = " ".join(jobfile("why", new).out.split())
    assert "extract succeeded, it had already succeeded in the retried run" in told
    assert (
        jobfile("outputs", new, "--json").json["outputs"]
        == jobfile("outputs", failed, "--json").json["outputs"]
    )
    assert "invariants I1-I12: 2 runs" in jobfile("doctor").out
    assert "NOT OK   invariants" not in jobfile("doctor").out
    again = jobfile("retry", new, "--force")  # all of it succeeded: all of it runs again
    assert len(again.out.splitlines()) == 5


def test_a_retry_may_run_all_steps(jobfile: Jobfile, failed: str) -> None:
    said = jobfile("retry", failed, "--all-steps")
    assert (said.code, len(said.out.splitlines())) == (0, 5)
    assert "not run again" not in said.err


def test_a_job_that_has_changed_is_retried_from_its_first_step(jobfile: Jobfile, failed: str) -> None:
    Path("jobs.yaml").write_text(RETRIED.replace("echo extracted", "echo changed"))
    jobfile("apply", "--yes")
    said = jobfile("retry", failed)
    assert said.code == 0
    assert "extract | changed" in said.out.splitlines()


def test_without_the_files_of_the_run_a_retry_begins_at_the_first_step(jobfile: Jobfile, failed: str) -> None:
    folder = Path(".jobfile/runs") / failed[:2] / failed
    folder.rename(folder.with_name("elsewhere"))
    said = jobfile("retry", failed)
    assert said.code == 0
    assert "extract | extracted" in said.out.splitlines()


def test_many_runs_are_retried_from_where_they_failed(jobfile: Jobfile, failed: str) -> None:
    assert jobfile("retry", "etl", "--failed", "--yes").code == 0
    jobfile("run", "etl")  # it also starts the run that waits
    runs = jobfile("runs", "--json").json["runs"]
    (new,) = [one["id"] for one in runs if one["retry_of"] == failed]
    kept = [
        one["step"]
        for one in jobfile("why", new, "--json").json["run_list"][0]["steps"]
        if one["reason"] == "kept"
    ]
    assert kept == ["extract", "each", "each"]


def test_a_step_keeps_its_temporary_files_while_others_end(jobfile: Jobfile) -> None:
    Path("jobs.yaml").write_text("""\
version: 1
jobs:
  a:
    steps:
      long:
        needs: []
        run: |
          echo kept > "$TMPDIR/mine"
          until test -e ended; do sleep 0.01; done
          sleep 0.3
          cat "$TMPDIR/mine"
      short: {needs: [], run: 'echo x > "$TMPDIR/x"'}
      after: {needs: [short], run: touch ended}
""")
    said = jobfile("run", "a")
    assert said.code == 0, said.err
    assert "long | kept" in said.out
