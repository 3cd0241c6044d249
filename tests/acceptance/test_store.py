"""A real engine with its ledger in a real PostgreSQL server, which is killed."""

import json
from pathlib import Path

import pytest

from tests.acceptance.engines import ask, end, has_jobs, lines_of, put, say, start, until
from tests.postgres_ledgers import superuser
from tests.postgres_servers import a_server

JOBS = """\
version: 1
jobs:
  tick:
    schedule: {every: 1s}
    run: echo tick >> ticks
  long:
    run: echo begun >> long; sleep 3; echo ended >> long
"""
END_OTHERS = (
    "select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and datname <> ''"
)


def test_an_engine_outlives_its_server_and_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path, JOBS)
    ticks = tmp_path / "ticks"

    def ticked(more: int) -> None:
        before = len(lines_of(ticks))
        until(lambda: len(lines_of(ticks)) >= before + more, "ticks")

    with a_server(settings="") as server:
        monkeypatch.setenv("JOBFILE_STORE", server.url())
        engine = start(tmp_path)
        until(lambda: has_jobs(tmp_path), "an engine")
        run = say(tmp_path, "run", "long", "--detach").stdout.strip()
        until(lambda: lines_of(tmp_path / "long") == ["begun"], "a long job")
        ticked(1)
        server.kill()
        assert say(tmp_path, "status").returncode == 75
        until(lambda: lines_of(tmp_path / "long") == ["begun", "ended"], "its end, without a ledger")
        assert engine.poll() is None
        server.start()
        ticked(2)
        with superuser(server.url()) as db:
            db.execute(END_OTHERS)
        ticked(2)
        until(lambda: say(tmp_path, "wait", run).returncode == 0, "its recorded end")
        assert say(tmp_path, "pause", "tick").returncode == 0
        until(lambda: ask(tmp_path, "status")["running"] == 0, "the last tick's recorded end")
        assert end(engine) == 0
        assert ask(tmp_path, "runs", "long")["runs"][0]["state"] == "succeeded"
        rows = {row["job"]: row for row in ask(tmp_path, "report")["jobs"]}
        assert rows["tick"]["succeeded"] == len(lines_of(ticks)), "each execution has its record"
        found = json.loads(say(tmp_path, "doctor", "--json").stdout)["checks"]
        assert [one for one in found if one["severity"] == "error"] == []
