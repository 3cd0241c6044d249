"""What the engine cannot run yet is said wherever a change is looked at before it is put in force."""

from pathlib import Path

import pytest

from engine.actions.unable import UNABLE
from engine.actions.unsupported import needs_of
from jobfile.pipeline import compile_files
from tests.cli.conftest import Jobfile
from tests.together import together

PLAIN = "version: 1\njobs:\n  plain: {run: echo hello}\n"
HEAD = (
    "version: 1\nqueues: {q: {slots: 1}}\nchannels: {c: {command: [x]}}\njobs:\n  plain: {run: echo hello}\n"
)
FINE = (
    "run: x, queue: default",
    "run: x, queue: q",
    "run: x, priority: 0",
    "run: x, priority: 5",
    "run: x, triggers: []",
    "run: x, triggers: [{boot: true}]",
    "run: x, triggers: [{webhook: {path: a, public: true}}]",
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


def both(keys: str, unable: tuple[str, ...]) -> tuple[tuple[str, ...], list[str]]:
    """What the engine says of the compiled job, and the keys at which `check` says it."""
    content = f"{HEAD}  job: {{{keys}}}\n".encode()
    compiled = compile_files([("jobs.yaml", content)], unable=unable)
    assert compiled.catalog is not None, compiled.diagnostics
    job = compiled.catalog.job("job")
    assert job is not None
    return needs_of(job.spec), [str(one.path[2]) for one in compiled.diagnostics if one.code == "JF631"]


def test_check_speaks_of_a_key_that_an_engine_does_not_have() -> None:
    assert both("run: x, priority: 5, triggers: []", ("priority", "triggers")) == ((), ["priority"])


@together("keys", FINE)
def test_check_is_silent_about_what_the_engine_runs(keys: str) -> None:
    assert both(keys, UNABLE) == ((), [])


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
