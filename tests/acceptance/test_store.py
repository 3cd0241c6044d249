"""A real engine with its ledger in a real PostgreSQL server, which is killed."""

import json
from pathlib import Path
from subprocess import PIPE, Popen

import pytest

from tests.acceptance.engines import JOBFILE, ask, end, has_jobs, lines_of, put, say, start, until
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
HERE = "version: 1\njobs:\n  here: {run: 'echo $PWD > where; pwd'}\n"
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


def test_while_no_host_leads_a_request_waits_for_one_and_is_not_executed_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host, desk = tmp_path / "host", tmp_path / "desk"
    for folder in (host, desk):
        folder.mkdir()
        put(folder, HERE)
    with a_server() as server:
        monkeypatch.setenv("JOBFILE_STORE", server.url())
        assert say(host, "apply", "--yes").returncode == 0
        leader = start(host, "--role", "all", "--name", "host")
        until(lambda: ask(desk, "status")["engine"]["running"], "a leader")
        assert end(leader) == 0
        with Popen([JOBFILE, "run", "here"], cwd=desk, stdout=PIPE, stderr=PIPE, text=True) as asking:
            assert asking.stderr is not None
            assert asking.stderr.readline() == "no engine uses the ledger now; the run waits for one\n"
            leader = start(host, "--role", "all", "--name", "host")
            assert asking.wait(60) == 0
        assert (host / "where").read_text() == f"{host}\n"
        assert not (desk / "where").exists()
        assert end(leader) == 0
