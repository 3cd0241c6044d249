"""`expect` with real processes: files, the log, steps, and what the commands say."""

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Jobfile

JOBS = """\
version: 1
jobs:
  fine:
    expect:
      files: [{path: "out/*.csv", min_size: 1KiB, newer_than: start}]
      log: {contains: done, matches: "rows=[0-9]+"}
    run: mkdir -p out; head -c 2000 /dev/zero > out/a.csv; echo rows=12; echo done >&2
  nothing:
    retry: {attempts: 2, delay: 1s, jitter: none, when: [expectation]}
    expect: {files: [{path: "out/b.csv", min_size: 1KiB}]}
    run: mkdir -p out; touch out/b.csv
  loud:
    secrets: {TOKEN: env:TOKEN}
    expect: {log: {contains: s3cret-token}}
    run: echo "$TOKEN"
  stepped:
    retry: {attempts: 2, delay: 1s, jitter: none}
    expect: {files: [{path: made}], log: {contains: two}}
    steps:
      one: {run: echo one}
      two: {run: 'echo two; test "$JOBFILE_ATTEMPT" = 1 || touch made'}
  quiet:
    expect: {stderr: {empty: true}}
    run: echo fine; test "$JOBFILE_ATTEMPT" = 0 || echo warning >&2
  apart:
    secrets: {TOKEN: env:TOKEN}
    expect: {stdout: {contains: rows, matches: "rows=[0-9]+"}, stderr: {contains: "***", empty: false}}
    run: echo rows=12; echo "$TOKEN" >&2
  swapped:
    expect: {stdout: {contains: done}}
    run: echo "not here"; echo done >&2
  slow:
    expect: {max_duration: 1s}
    run: sleep 1.2
"""


def test_a_success_has_left_what_is_expected(jobfile: Jobfile, tmp_path: Path) -> None:
    (tmp_path / "jobs.yaml").write_text(JOBS)
    assert jobfile("run", "fine").code == 0
    assert jobfile("did", "fine").code == 0
    (tmp_path / "out" / "a.csv").unlink()


def test_exit_code_0_is_not_enough(jobfile: Jobfile, tmp_path: Path) -> None:
    (tmp_path / "jobs.yaml").write_text(JOBS)
    assert jobfile("run", "nothing").code == 1
    said = jobfile("did", "nothing")
    assert said.code == 1
    assert "failed after 2 attempts, expected 1 file `out/b.csv` of at least 1KiB; found 1 file" in said.out
    (run,) = json.loads(jobfile("runs", "nothing", "--json").out)["runs"]
    assert (run["state"], run["reason"], run["exit_code"]) == ("failed", "expectation", 0)


def test_the_log_is_checked_as_it_is_stored_without_secrets(
    jobfile: Jobfile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "jobs.yaml").write_text(JOBS)
    monkeypatch.setenv("TOKEN", "s3cret-token")
    assert jobfile("run", "loud").code == 1
    assert "expected `s3cret-token` in its log; it is not there" in jobfile("did", "loud").out


def test_each_stream_can_be_checked_by_itself(
    jobfile: Jobfile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "jobs.yaml").write_text(JOBS)
    monkeypatch.setenv("TOKEN", "s3cret-token")
    assert jobfile("run", "quiet").code == 1
    assert "expected an empty stderr; it wrote 8 bytes" in jobfile("did", "quiet").out
    assert jobfile("run", "swapped").code == 1
    assert "expected `done` in its stdout; it is not there" in jobfile("did", "swapped").out
    found = jobfile("run", "apart")
    assert found.code == 0
    assert "s3cret-token" not in found.out + jobfile("logs", "apart").out
    dry = jobfile("run", "quiet", "--dry-run").out
    assert "an empty stderr" in dry


def test_steps_are_checked_together_and_run_again(jobfile: Jobfile, tmp_path: Path) -> None:
    (tmp_path / "jobs.yaml").write_text(JOBS)
    said = jobfile("run", "stepped")
    assert said.code == 0
    assert said.out.splitlines() == ["one | one", "two | two", "one | one", "two | two"]


def test_a_run_that_took_too_long_has_succeeded_late(jobfile: Jobfile, tmp_path: Path) -> None:
    (tmp_path / "jobs.yaml").write_text(JOBS)
    assert jobfile("run", "slow").code == 0
    found = json.loads(jobfile("did", "slow", "--json").out)
    assert found["answer"] == "succeeded"
    assert [one.partition(" (")[0][:9] for one in found["late"]] == ["late: ran"]
    assert "late: ran 1." in jobfile("did", "slow").out
    assert "ran 1." in jobfile("why", "slow").out
