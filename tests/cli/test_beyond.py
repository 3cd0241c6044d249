"""What the engine cannot run yet is said wherever a change is looked at before it is put in force."""

import json
from pathlib import Path

import pytest

from engine.actions.unsupported import UNABLE, needs_of
from jobfile.pipeline import compile_files
from tests.cli.conftest import Jobfile
from tests.cli.test_files import fits
from tests.together import together

PLAIN = "version: 1\njobs:\n  plain: {run: echo hello}\n"
HEAD = (
    "version: 1\nqueues: {q: {slots: 1}}\nchannels: {c: {command: [x]}}\njobs:\n  plain: {run: echo hello}\n"
)
BEYOND: tuple[tuple[str, str], ...] = (
    ("triggers", "run: x, triggers: [{webhook: {path: a, public: true}}]"),
)
FINE = (
    "run: x, queue: default",
    "run: x, queue: q",
    "run: x, priority: 0",
    "run: x, priority: 5",
    "run: x, triggers: []",
    "run: x, triggers: [{boot: true}]",
    "run: x, triggers: [{after: plain}]",
    "run: x, triggers: [{file: {path: in}}]",
    "run: x, outputs: {a: {type: string}}",
    "run: x, outputs: {}",
    "run: x, artifacts: ['*.csv']",
    "run: x, if: run.trigger == 'schedule'",
    "steps: {one: {run: echo}, two: {command: [x], for_each: '[1]', if: 'true'}}",
    "run: x, expect: {}",
    "run: x, schedule: '0 4 * * *', expect: {done_by: '09:00', success_every: 3d, files: [{path: x}]}",
    "run: x, retry: {attempts: 2, when: [timeout, 'exit:7', connect]}",
    "http: {url: 'https://example.com'}, retry: {attempts: 2, when: [connect, 'http:5xx']}",
    "steps: {one: {run: x}, two: {http: {url: 'https://example.com'}}}",
    "run: x, notify: {failed: [c]}",
    "run: x",
    "command: [x]",
)


def both(keys: str) -> tuple[tuple[str, ...], list[str]]:
    """What the engine says of the compiled job, and the keys at which `check` says it."""
    content = f"{HEAD}  job: {{{keys}}}\n".encode()
    compiled = compile_files([("jobs.yaml", content)], unable=UNABLE)
    assert compiled.catalog is not None, compiled.diagnostics
    job = compiled.catalog.job("job")
    assert job is not None
    return needs_of(job.spec), [str(one.path[2]) for one in compiled.diagnostics if one.code == "JF631"]


def test_each_key_has_a_row_here() -> None:
    assert {key for key, _ in BEYOND} == set(UNABLE)


@pytest.mark.parametrize(("key", "keys"), BEYOND)
def test_check_speaks_of_what_the_engine_refuses(key: str, keys: str) -> None:
    needs, told = both(keys)
    assert needs
    assert told == [key]


@together("keys", FINE)
def test_check_is_silent_about_what_the_engine_runs(keys: str) -> None:
    assert both(keys) == ((), [])


@pytest.mark.parametrize(("key", "keys"), BEYOND)
def test_every_command_says_it_before_the_engine_does(
    jobfile: Jobfile, tmp_path: Path, key: str, keys: str
) -> None:
    main = tmp_path / "jobs.yaml"
    (tmp_path / "before.yaml").write_text(HEAD)
    main.write_text(f"{HEAD}  job: {{{keys}}}\n")
    told = jobfile("check", "--format", "short")
    assert told.code == 0
    assert "JF631" in told.out
    assert jobfile("check", "--strict").code == 1
    assert "JF631" in json.dumps(jobfile("check", "--json").json)
    plan = jobfile("plan", "--from", "before.yaml", "--fail-on", "risk")
    assert plan.code == 3
    assert "RISK13 the engine would refuse the whole change" in plan.out
    told_plan = jobfile("plan", "--from", "before.yaml", "--json").json
    fits(told_plan, "plan")
    risks = told_plan["risks"]
    assert risks[-1]["code"] == "RISK13"
    assert list(risks[-1]["evidence"]["beyond"]) == ["job"]
    assert "cannot run" in jobfile("simulate", "--days", "1").out
    simulated = jobfile("simulate", "--days", "1", "--json").json
    fits(simulated, "simulate")
    assert len(simulated["beyond"]) == 1
    dry = jobfile("run", "job", "--dry-run")
    assert dry.code == 6
    assert "would run: no; " in dry.out
    assert "this engine cannot run" in dry.out
    assert "would run: yes" not in dry.out
    assert jobfile("run", "job", "--dry-run", "--json").json["would_run"] is False
    assert jobfile("run", "plain", "--dry-run").code == 0


def test_nothing_is_said_where_the_engine_can_do_it_all(jobfile: Jobfile, tmp_path: Path) -> None:
    (tmp_path / "jobs.yaml").write_text(PLAIN)
    (tmp_path / "before.yaml").write_text(PLAIN.replace("hello", "hallo"))
    assert jobfile("check", "--strict").code == 0
    assert jobfile("plan", "--from", "before.yaml", "--fail-on", "risk").code == 0
    assert jobfile("simulate", "--days", "1", "--json").json["beyond"] == []
    assert jobfile("run", "plain", "--dry-run").code == 0


@pytest.mark.parametrize(
    ("folder", "trouble"),
    [("none", "is not a folder"), ("file", "is not a folder"), ("x" * 300, "cannot be used"), (".", "")],
)
def test_a_dry_run_looks_at_the_folder(jobfile: Jobfile, tmp_path: Path, folder: str, trouble: str) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "jobs.yaml").write_text(f"version: 1\njobs:\n  a: {{run: pwd, working_dir: {folder}}}\n")
    said = jobfile("run", "a", "--dry-run")
    assert said.code == (6 if trouble else 0)
    assert trouble in said.out


def test_a_dry_run_names_the_folder_of_the_main_file(jobfile: Jobfile, tmp_path: Path) -> None:
    (tmp_path / "jobs.yaml").write_text(PLAIN)
    facts = jobfile("run", "plain", "--dry-run", "--json").json["facts"]
    assert ["cwd", str(tmp_path)] in facts
