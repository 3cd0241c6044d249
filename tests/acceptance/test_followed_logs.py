"""`logs --follow` with real engines: from before the first attempt begins until the run is over."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.acceptance.engines import JOBFILE, Jobfile, engine, run_of, say, until
from tests.web.served import served

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


STEPS = """\
version: 1
jobs:
  before:
    concurrency: {limit: 1, key: one}
    run: while [ ! -e "$PWD/before" ]; do sleep 0.05; done
  etl:
    concurrency: {limit: 1, key: one}
    steps:
      fetch:
        run: |
          echo fetched
          while [ ! -e "$PWD/fetch" ]; do sleep 0.05; done
      load:
        needs: [fetch]
        retry: {attempts: 2, delay: 1s}
        run: |
          echo loading
          [ -e "$PWD/loaded" ] || { touch "$PWD/loaded"; exit 1; }
      report:
        needs: [load]
        run: |
          echo report
          while [ ! -e "$PWD/report" ]; do sleep 0.05; done
"""


def follow(folder: Path, *words: str, server: str = "") -> "subprocess.Popen[str]":
    pipe = subprocess.PIPE
    command = [JOBFILE, *(("--server", server) if server else ()), "logs", "--follow", *words]
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


@pytest.mark.parametrize("is_away", [False, True], ids=["here", "server"])
def test_a_step_is_followed_from_before_it_begins_until_it_is_over(tmp_path: Path, is_away: bool) -> None:
    """Before the run begins, while another step runs, through its retry; it does not wait for later steps."""
    (tmp_path / "jobs.yaml").write_text(STEPS)
    with engine(tmp_path), served(tmp_path):
        server = f"unix:{tmp_path}/.jobfile/web.sock" if is_away else ""
        say(tmp_path, "run", "before", "--detach")
        run = say(tmp_path, "run", "etl", "--detach").stdout.strip()
        with follow(tmp_path, run, "load", server=server) as early:
            (tmp_path / "before").touch()
            until(lambda: "fetched" in say(tmp_path, "logs", run, "fetch").stdout, "the first step")
            with follow(tmp_path, run, "load", server=server) as later:
                (tmp_path / "fetch").touch()
                said = [one.communicate(timeout=60) for one in (early, later)]
        assert [out for out, _ in said] == ["load | loading\nload | loading\n"] * 2, said
        assert run_of(tmp_path, run).ended_at is None
        (tmp_path / "report").touch()
        with follow(tmp_path, run, "report", server=server) as last:
            assert last.communicate(timeout=60)[0] == "report | report\n"
