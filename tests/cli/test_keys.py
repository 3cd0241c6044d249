"""`run --key` and `run --wait`: what is a duplicate, what is printed, what `wait` says of the same runs."""

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from engine.ledger.sqlite.store import SqliteStore
from engine.loops.worker import IDLE_SECONDS
from tests.acceptance.engines import JOBFILE, until
from tests.cli.conftest import Jobfile
from tests.cli.test_files import fits

JOBS = """\
version: 1
jobs:
  good:
    params: {name: {type: string, default: world}}
    outputs: {greeting: {type: string}}
    concurrency: {limit: none}
    run: |
      echo "hello, {{ params.name }}"
      printf '{"greeting": "hello, %s"}' {{ params.name }} >> "$JOBFILE_OUTPUT"
  bad: {run: exit 7}
  own:
    params: {order: {type: integer}}
    idempotency_key: "order-{{ params.order }}"
    run: "true"
  parts: {matrix: {part: [a, b]}, run: 'echo {{ matrix.part }}'}
  slow: {run: "touch begun; sleep 60", kill_grace: 1s}
"""
DETACHED = ("run", "good", "--detach", "--key", "k")


@pytest.fixture(autouse=True)
def jobs(jobfile: Jobfile, tmp_path: Path) -> None:
    (tmp_path / "jobs.yaml").write_text(JOBS)


def runs_of(jobfile: Jobfile) -> list[dict]:
    return jobfile("runs", "--json").json["runs"]  # type: ignore[no-any-return]


def test_the_second_request_with_a_key_records_nothing_and_names_the_first(jobfile: Jobfile) -> None:
    first = jobfile(*DETACHED)
    second = jobfile(*DETACHED, "-p", "name=other")
    assert (second.code, second.out) == (0, first.out)
    assert second.err.startswith(f"duplicate of {first.out}")
    assert len(runs_of(jobfile)) == 1
    records = jobfile("audit", "--json").json["records"]
    assert [(one["action"], one["object"]) for one in records] == [("run", first.out.strip())]


def test_the_keys_of_two_jobs_are_two_keys(jobfile: Jobfile) -> None:
    jobfile(*DETACHED)
    assert "duplicate" not in jobfile("run", "bad", "--detach", "--key", "k").err
    assert len(runs_of(jobfile)) == 2


def test_as_json_a_duplicate_is_the_earlier_run(jobfile: Jobfile) -> None:
    first = jobfile(*DETACHED, "--json").json
    second = jobfile(*DETACHED, "--json").json
    fits(first, "run")
    fits(second, "run")
    assert (first["duplicate"], second["duplicate"]) == (False, True)
    assert first["id"] == second["id"]
    assert second["verdict"]["answer"] == "not_over"


@pytest.mark.parametrize("how", [(), ("--wait",), ("--json",), ("--json", "--wait")])
def test_a_duplicate_is_followed_to_the_end_of_the_earlier_run(
    jobfile: Jobfile, how: tuple[str, ...]
) -> None:
    run_id = jobfile("run", "bad", "--detach", "--key", "k").out.strip()
    began = time.monotonic()
    said = jobfile("run", "bad", "--key", "k", *how)
    assert time.monotonic() - began < IDLE_SECONDS / 2, "it starts at once, not at the next look"
    assert said.code == 1, "the exit code is that of the earlier run"
    assert f"duplicate of {run_id}" in said.err
    assert [(run["id"], run["state"]) for run in runs_of(jobfile)] == [(run_id, "failed")]
    if "--json" in how:
        assert (said.json["id"], said.json["state"], said.json["duplicate"]) == (run_id, "failed", True)


def test_a_key_that_its_job_computes_behaves_like_one_that_is_given(jobfile: Jobfile) -> None:
    ask = ("run", "own", "--detach", "-p", "order=7")
    first, second = jobfile(*ask), jobfile(*ask)
    assert first.out == second.out
    assert "duplicate of" in second.err
    assert jobfile("run", "own", "--detach", "-p", "order=8").out != first.out
    assert jobfile(*ask, "--key", "again").out != first.out, "a given key replaces that of the job"
    assert len(runs_of(jobfile)) == 3


def test_the_runs_of_a_matrix_are_one_duplicate(jobfile: Jobfile) -> None:
    first = jobfile("run", "parts", "--json", "--wait", "--key", "k").json
    fits(first, "wait")
    second = jobfile("run", "parts", "--json", "--wait", "--key", "k").json
    fits(second, "wait")
    assert [run["id"] for run in first["runs"]] == [run["id"] for run in second["runs"]]
    assert (first["duplicate"], second["duplicate"]) == (False, True)
    assert second["verdict"] == {"answer": "succeeded", "exit_code": 0, "line": None}
    assert len(runs_of(jobfile)) == 2


def test_a_retry_is_no_duplicate(jobfile: Jobfile) -> None:
    jobfile("run", "bad", "--key", "k")
    said = jobfile("retry", runs_of(jobfile)[0]["id"], "--json")
    fits(said.json, "run")
    assert said.json["duplicate"] is False
    assert len(runs_of(jobfile)) == 2


@pytest.mark.parametrize(("key", "words"), [("", "is empty"), (" ", "is empty"), ("x" * 256, "at most 255")])
def test_an_invalid_key_is_refused(jobfile: Jobfile, key: str, words: str) -> None:
    said = jobfile("run", "good", "--key", key)
    assert said.code == 64
    assert words in said.err


def test_a_dry_run_shows_the_key_and_the_run_that_has_it(jobfile: Jobfile) -> None:
    dry = ("run", "good", "--dry-run", "--key", "k")
    assert "k" in dict(jobfile(*dry, "--json").json["facts"])["idempotency"]
    run_id = jobfile(*DETACHED).out.strip()
    said = jobfile(*dry)
    assert said.code == 6
    assert f"would run: no; run {run_id[:8]} has the same idempotency key" in said.out
    assert jobfile("run", "own", "--dry-run", "-p", "order=1").code == 0
    jobfile("run", "own", "-p", "order=1")
    assert jobfile("run", "own", "--dry-run", "-p", "order=1").code == 6


def test_a_duplicate_of_a_run_whose_record_was_deleted_is_an_error(jobfile: Jobfile) -> None:
    run_id = jobfile("run", "good", "--key", "k", "--json").json["id"]
    store = SqliteStore.open(Path(".jobfile/ledger.db"))
    run = store.run(run_id)
    assert run is not None
    with store.transaction():
        store.past.prune([run], now=datetime.now(UTC))
    store.close()
    said = jobfile(*DETACHED)
    assert said.code == 1
    assert f"duplicate of run {run_id}, whose record was deleted" in said.err
    assert "bug" not in said.err
    assert runs_of(jobfile) == []


# --wait


def test_wait_prints_no_output_of_the_job(jobfile: Jobfile) -> None:
    said = jobfile("run", "good", "--wait")
    assert said.code == 0
    assert said.out == ""
    assert "hello" not in said.err
    assert "good: succeeded" in said.err
    assert "hello" in jobfile("run", "good").out


def test_json_and_wait_print_one_object_and_nothing_else(jobfile: Jobfile) -> None:
    said = jobfile("run", "good", "--json", "--wait", "-p", "name=kari")
    assert (said.code, said.err) == (0, "")
    found = said.json
    fits(found, "run")
    assert found["verdict"]["answer"] == "succeeded"
    assert found["verdict"]["exit_code"] == 0
    assert found["verdict"]["line"].startswith("good: succeeded after ")
    assert found["outputs"] == [{"step": None, "item": None, "name": "greeting", "value": "hello, kari"}]


@pytest.mark.parametrize("place", [(), ("--state", "other state"), ("-f", "it's.yaml")])
def test_the_commands_to_see_more_work_as_they_are_printed(
    jobfile: Jobfile, tmp_path: Path, place: tuple[str, ...]
) -> None:
    (tmp_path / "it's.yaml").write_text(JOBS)
    see = jobfile("run", "bad", "--json", "--wait", *place).json["see"]
    for name in ("why", "logs", "outputs", "artifacts", "wait"):
        said = jobfile(*shlex.split(see[name])[1:])
        assert said.code == (1 if name == "wait" else 0), (name, said)
    assert "over" in jobfile(*shlex.split(see["cancel"])[1:]).out
    assert jobfile(*shlex.split(see["retry"])[1:]).code == 1


@pytest.mark.parametrize("job", ["good", "bad"])
def test_wait_says_of_a_run_what_run_had_said(jobfile: Jobfile, job: str) -> None:
    ran = jobfile("run", job, "--json", "--wait")
    waited = jobfile("wait", ran.json["id"], "--json")
    fits(waited.json, "wait")
    assert waited.code == ran.code == waited.json["verdict"]["exit_code"]
    (run,) = waited.json["runs"]
    assert {"format": 1, **run, "duplicate": False} == ran.json
    assert waited.json["verdict"]["answer"] == run["verdict"]["answer"]


def test_wait_answers_for_the_worst_of_several_runs(jobfile: Jobfile) -> None:
    ids = [jobfile("run", job, "--json").json["id"] for job in ("good", "bad")]
    said = jobfile("wait", *ids, "--json")
    assert said.code == 1
    assert said.json["verdict"] == {"answer": "not_well", "exit_code": 1, "line": None}


def test_detach_does_not_wait(jobfile: Jobfile) -> None:
    assert jobfile("run", "good", "--detach", "--wait").code == 64


def test_who_waits_for_a_duplicate_ends_only_the_waiting(jobfile: Jobfile, tmp_path: Path) -> None:
    asked = [JOBFILE, "run", "slow", "--key", "k"]
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    first = subprocess.Popen(asked, cwd=tmp_path, **streams)  # type: ignore[call-overload]
    try:
        until((tmp_path / "begun").exists, "the first one runs")
        second = subprocess.Popen([*asked, "--json", "--wait"], cwd=tmp_path, **streams)  # type: ignore[call-overload]
        lines = second.stderr
        assert "duplicate of" in lines.readline()
        second.send_signal(signal.SIGINT)
        out, err = second.communicate(timeout=30)
        assert "still running" in err
        assert json.loads(out)["state"] == "running"
        assert second.returncode == 4
    finally:
        first.send_signal(signal.SIGTERM)
        first.communicate(timeout=30)
    assert [run["state"] for run in runs_of(jobfile)] == ["cancelled"]


# From a job


def test_a_run_that_is_requested_in_a_job_names_its_run(jobfile: Jobfile, tmp_path: Path) -> None:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    (tmp_path / "jobs.yaml").write_text(
        "version: 1\njobs:\n  outer:\n    run: jobfile run inner --detach\n"
        f"    env: {{PATH: '{path}'}}\n    pass_env: [PYTHONPATH]\n"
        "  inner: {run: 'true'}\n"
    )
    assert jobfile("run", "outer").code == 0
    found = {run["job"]: run for run in runs_of(jobfile)}
    assert found["inner"]["caused_by"] == found["outer"]["id"]
    assert found["outer"]["caused_by"] is None
    assert f"requested in  run {found['outer']['id'][:8]}" in " ".join(
        jobfile("why", "inner").out.split(" " * 3)
    )


@pytest.mark.parametrize("named", ["f" * 32, "nonsense", "../../etc/passwd"])
def test_a_run_of_another_ledger_causes_nothing_here(
    jobfile: Jobfile, monkeypatch: pytest.MonkeyPatch, named: str
) -> None:
    monkeypatch.setenv("JOBFILE_RUN_ID", named)
    assert jobfile(*DETACHED, "--json").json["caused_by"] is None
