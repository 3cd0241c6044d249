"""A host and the version of the ledger's tables, with real processes."""

import subprocess
import sys
import threading
from pathlib import Path

import psycopg
import pytest

from engine.core.errors import StoreRefusedError, SupersededError
from tests.acceptance.engines import until
from tests.hosts.world import FUNCTION, HostsWorld, a_lead
from tests.ledgers import Chosen

TRUE_TIME = "select cast(extract(epoch from clock_timestamp()) * 1000000 as bigint)"
"""The clock of a real host fits only the true one of a server."""
TEXT = "version: 1\njobs:\n  long: {run: 'sleep 600'}\n"


def test_a_host_waits_for_its_tables_and_takes_nothing_when_they_are_of_a_newer_version(
    tmp_path: Path,
) -> None:
    world = HostsWorld(tmp_path, TEXT, hosts=[])
    url = Chosen.ledgers.url(world.config.ledger)
    with psycopg.connect(url, autocommit=True) as db:
        [(version,)] = db.execute("select value from meta where key = 'version'").fetchall()
        db.execute(FUNCTION.format("now_us", TRUE_TIME))
        db.execute("update meta set value = '0' where key = 'version'")
        command = [sys.executable, "-m", "engine.cli.main", "up", "--role", "worker", "--name", "a"]
        env = {"PATH": "/usr/bin:/bin", "JOBFILE_STORE": url, "PYTHONPATH": str(Path.cwd())}
        host = subprocess.Popen(
            command, cwd=tmp_path, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        try:
            look = "select trouble from host where name = 'a' and seen_at is not null"
            assert db.execute(look).fetchall() == []
            db.execute("update meta set value = %s where key = 'version'", [version])
            until(lambda: db.execute(look).fetchall() == [("",)], "the host to appear")
            db.execute("update meta set value = '999' where key = 'version'")
            until(lambda: "newer jobfile" in str(db.execute(look).fetchall()), "the host to take nothing")
            db.execute("update meta set value = %s where key = 'version'", [version])
            until(lambda: db.execute(look).fetchall() == [("",)], "the host to take work again")
        finally:
            host.terminate()
            said = host.communicate(timeout=30)[0].decode()
            db.execute("update meta set value = %s where key = 'version'", [version])
    assert "Traceback" not in said
    assert "host a takes work" in said


def test_a_scheduler_of_an_older_version_does_not_lead_any_more(tmp_path: Path) -> None:
    world = HostsWorld(tmp_path, TEXT, hosts=[])
    lead = a_lead(world, refuse=world.shared.refuse_other_version)
    assert lead.wait(threading.Event())
    assert lead.keep() > 0
    with psycopg.connect(Chosen.ledgers.url(world.config.ledger), autocommit=True) as db:
        [(version,)] = db.execute("select value from meta where key = 'version'").fetchall()
        db.execute("update meta set value = '999' where key = 'version'")
        try:
            with pytest.raises(StoreRefusedError, match="newer jobfile"):
                lead.keep()
            world.clock.advance(seconds=10)
            with pytest.raises(SupersededError, match="newer jobfile"):
                lead.keep()
        finally:
            db.execute("update meta set value = %s where key = 'version'", [version])
