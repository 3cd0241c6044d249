"""`logs --follow` with real engines: from before the first attempt begins until the run is over."""

import os
import subprocess
from pathlib import Path

from tests.acceptance.engines import JOBFILE, Jobfile, engine, run_of, say, until

JOBS = """\
version: 1
jobs:
  slow:
    concurrency: {limit: 1, key: one}
    run: |
      echo begin
      while [ ! -e "$PWD/go" ]; do sleep 0.05; done
  after: {concurrency: {limit: 1, key: one}, run: echo its turn came}
  again:
    retry: {attempts: 2, delay: 1s}
    run: |
      echo try
      [ -e tried ] || { touch tried; exit 1; }
"""


def follow(folder: Path, run: str) -> "subprocess.Popen[str]":
    pipe = subprocess.PIPE
    command = [JOBFILE, "logs", "--follow", run]
    return Jobfile(command, cwd=folder, stdout=pipe, stderr=pipe, text=True, env={**os.environ})


def test_a_queued_run_is_followed_to_its_end_and_so_is_each_attempt(tmp_path: Path) -> None:
    (tmp_path / "jobs.yaml").write_text(JOBS)
    with engine(tmp_path):
        slow, queued = (say(tmp_path, "run", job, "--detach").stdout.strip() for job in ("slow", "after"))
        with follow(tmp_path, queued) as waiting:
            until(lambda: run_of(tmp_path, slow).attempt == 1, "the first run")
            assert run_of(tmp_path, queued).attempt == 0
            (tmp_path / "go").touch()
            out, err = waiting.communicate(timeout=60)
        assert out == "its turn came\n", err
        again = say(tmp_path, "run", "again", "--detach").stdout.strip()
        with follow(tmp_path, again) as waiting:
            out, _ = waiting.communicate(timeout=60)
        assert out.splitlines()[-2:] == ["--- attempt 2 ---", "try"]
        assert out.count("try\n") == 2


def test_without_an_engine_it_says_that_nothing_starts_the_run(tmp_path: Path) -> None:
    (tmp_path / "jobs.yaml").write_text(JOBS)
    assert say(tmp_path, "apply", "--yes").returncode == 0
    run = say(tmp_path, "run", "after", "--detach").stdout.strip()
    said = say(tmp_path, "logs", "--follow", run)
    assert said.stdout == ""
    assert "has not started, and no engine is running; start one with  jobfile up" in said.stderr
