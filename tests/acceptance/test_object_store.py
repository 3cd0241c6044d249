"""Real hosts with outputs in a store with the API of S3: read on another host, also after it was away."""

import os
import subprocess
import time
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.acceptance.engines import JOBFILE, end, put, say, start, until
from tests.acceptance.warm import Jobfile
from tests.postgres_ledgers import superuser
from tests.postgres_servers import Server, a_server
from tests.stand_in_s3 import BUCKET, SECRET, ObjectServer, object_server

JOBS = """\
version: 1
jobs:
  talk:
    runs_on: first
    artifacts: [kept.bin]
    run: |
      head --bytes 3000000 /dev/zero > "$JOBFILE_RUN_DIR/kept.bin"
      env | grep -c AWS_ || true
      echo begun
      while [ ! -e go ]; do sleep 0.05; done
      echo over
  while-away:
    runs_on: first
    run: echo of the time without a store
"""
OUTPUT = b"0\nbegun\nover\n"
AWAY_SECONDS = 30
"""How late an end may be recorded at most while the store is away, on a slow machine; 2 s are promised."""


class Site(NamedTuple):
    """Two hosts, of which only the first may execute the jobs."""

    first: Path
    second: Path
    server: Server
    store: ObjectServer
    said: list[str]
    """All that any command has said."""

    def ask(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """What a command on the second host says."""
        done = say(self.second, *arguments)
        self.said.append(done.stdout + done.stderr)
        return done


def test_output_in_s3_is_read_on_another_host_also_after_the_store_was_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    for folder in (first, second):
        folder.mkdir()
        put(folder, JOBS)
    with a_server() as server, object_server(tmp_path / "s3") as store:
        monkeypatch.setenv("JOBFILE_STORE", server.url())
        for name, value in store.environ.items():
            monkeypatch.setenv(name, value)
        site = Site(first, second, server, store, [])
        _refuses_what_cannot_work(site, monkeypatch)
        outputs = ("--outputs", f"s3://{BUCKET}/outputs")
        hosts = [start(first, "--role", "all", "--name", "one", "--label", "first", *outputs)]
        hosts.append(start(second, "--role", "all", "--name", "two", *outputs))
        try:
            until(lambda: site.ask("apply", "--yes").returncode == 0, "jobs in force")
            until(lambda: site.ask("run", "talk", "--detach").returncode == 0, "a run")
            _is_read_elsewhere(site)
            _is_complete_after_the_store_was_away(site)
            arguments = _arguments_of_all_processes()
        finally:
            for host in hosts:
                end(host)
        assert SECRET not in "".join([*site.said, *arguments])
        _is_in_no_record(site)


def _refuses_what_cannot_work(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    done = site.ask("up", "--outputs", "s3://missing/outputs")
    assert done.returncode == 75, done.stderr
    assert "NoSuchBucket: make the bucket" in done.stderr
    with monkeypatch.context() as patch:
        patch.setenv("AWS_SECRET_ACCESS_KEY", f"not-{SECRET}")
        done = site.ask("up", "--outputs", f"s3://{BUCKET}/outputs")
    assert done.returncode == 75, done.stderr
    assert "SignatureDoesNotMatch: set AWS_SECRET_ACCESS_KEY" in done.stderr


def _is_read_elsewhere(site: Site) -> None:
    until(lambda: "begun" in site.ask("logs", "talk").stdout, "the first lines")
    with (site.second / "followed").open("wb") as file:
        follower = Jobfile([JOBFILE, "logs", "-F", "talk"], cwd=site.second, stdout=file, env={**os.environ})
    until(lambda: b"begun" in (site.second / "followed").read_bytes(), "the same, followed")
    (site.first / "go").touch()
    assert follower.wait(timeout=30) == 0
    assert (site.second / "followed").read_bytes() == OUTPUT
    assert site.ask("logs", "talk").stdout == OUTPUT.decode(), "no job has a variable of the store"
    until(lambda: site.ask("did", "talk").returncode == 0, "its end")
    assert site.ask("artifacts", "talk", "--to", "copied").returncode == 0
    assert (site.second / "copied" / "kept.bin").read_bytes() == bytes(3_000_000)
    here = [one for one in (site.second / ".jobfile" / "runs").rglob("*") if one.is_file()]
    assert not here, "nothing of it was executed there"
    with superuser(site.server.url()) as db:
        assert db.execute("select from output_chunk").rowcount == 0


def _is_complete_after_the_store_was_away(site: Site) -> None:
    site.store.stop()
    begun = time.monotonic()
    run = site.ask("run", "while-away", "--detach").stdout.strip()
    assert site.ask("wait", run).returncode == 0
    assert time.monotonic() - begun < AWAY_SECONDS, "an end does not wait for the store"
    done = site.ask("logs", run)
    assert (done.returncode, "cannot be reached" in done.stderr) == (75, True), done
    assert site.ask("did", run).returncode == 0
    site.store.start()
    until(lambda: site.ask("logs", run).stdout == "of the time without a store\n", "its output")


def _arguments_of_all_processes() -> list[str]:
    found = []
    for one in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(one.read_text(errors="replace"))
        except OSError:
            continue  # it has ended
    return found


def _is_in_no_record(site: Site) -> None:
    with superuser(site.server.url()) as db:
        [(ledger,)] = db.execute("select schema_to_xml('public', true, false, '')::text").fetchall()
    assert SECRET not in ledger
    files = [one for one in (site.first, site.second) for one in one.rglob("*") if one.is_file()]
    assert files
    assert not [one for one in files if SECRET.encode() in one.read_bytes()]
