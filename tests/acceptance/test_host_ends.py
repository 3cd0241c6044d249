"""A real host that is ended with --stop-jobs: its jobs end, and the ledger knows how."""

from pathlib import Path

import pytest

from tests.acceptance.engines import ask, end, put, say, start, until
from tests.postgres_servers import a_server

JOBS = """\
version: 1
jobs:
  long:
    kill_grace: 5s
    run: |
      trap 'echo asked > asked; exit 3' TERM
      echo begun > begun
      while :; do sleep 0.1; done
"""


def test_a_host_with_stop_jobs_ends_its_jobs_and_their_ends_are_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path, JOBS)
    with a_server() as server:
        monkeypatch.setenv("JOBFILE_STORE", server.url())
        host = start(tmp_path, "--role", "all", "--apply", "auto", "--stop-jobs")
        until(lambda: say(tmp_path, "run", "long", "--detach").returncode == 0, "jobs in force")
        until((tmp_path / "begun").exists, "the job")
        assert end(host) == 0
        assert (tmp_path / "asked").exists(), "it got SIGTERM, and its grace"
        scheduler = start(tmp_path, "--role", "scheduler")
        until(lambda: ask(tmp_path, "runs", "long")["runs"][0]["state"] == "failed", "its recorded end")
        [run] = ask(tmp_path, "runs", "long")["runs"]
        assert run["reason"] == "stopped"
        assert end(scheduler) == 0
