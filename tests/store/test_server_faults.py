"""A server that refuses: through a pooler, without a connection left, read-only, without room on its disk.

Each refusal is said in plain words, and is over when its cause is.
"""

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import psycopg
import pytest

from engine.core.errors import StoreRefusedError, StoreUnavailableError, StoreUnwritableError
from engine.ledger.opening import examine_ledger, open_ledger, open_shared, open_view
from engine.ledger.postgres.address import address_of
from engine.ledger.postgres.connection import PostgresConnection
from tests.postgres_servers import NOBODY, Server, a_pooler


@pytest.fixture
def admin(server: Server) -> Iterator[psycopg.Connection]:
    """A superuser, whom no limit concerns."""
    with psycopg.connect(server.url(), autocommit=True) as own:
        yield own


@pytest.fixture
def url(server: Server, admin: psycopg.Connection, worker_id: str) -> Iterator[str]:
    """The URL of a database of a user with no special right."""
    name = f"faults-{worker_id}"
    admin.execute(f'create role "{name}" login')
    admin.execute(f'create database "{name}" owner "{name}"')
    yield server.url(name).replace("jobfile@", f"{name}@")
    admin.execute(f'drop database "{name}" with (force)')
    admin.execute(f'drop role "{name}"')


def name_of(url: str) -> str:
    return f'"{address_of(url).parameters["user"]}"'


def end_connections(url: str, admin: psycopg.Connection) -> None:
    admin.execute(
        "select pg_terminate_backend(pid, 5000) from pg_stat_activity where usename = %s",
        (name_of(url).strip('"'),),
    )


@pytest.fixture
def short() -> Iterator[Path]:
    """A folder for a socket, whose path is short."""
    with tempfile.TemporaryDirectory(prefix="jobfile-", dir="/tmp") as folder:
        yield Path(folder)


@pytest.mark.parametrize("mode", ["transaction", "statement"])
def test_a_pooler_of_transactions_is_refused_in_every_way(
    server: Server, short: Path, mode: str, url: str
) -> None:
    open_ledger(url).close()
    with a_pooler(server, short, mode=mode) as through:
        there = through.format(database=name_of(url).strip('"'))
        for way in (open_ledger, open_view, open_shared, examine_ledger):
            for _ in range(2):
                with pytest.raises(StoreRefusedError, match=r"behind a pooler that .*Name the server itself"):
                    way(there)


def test_a_pool_of_sessions_is_not_refused(server: Server, short: Path, url: str) -> None:
    with a_pooler(server, short, mode="session") as through:
        there = through.format(database=name_of(url).strip('"'))
        with closing(open_ledger(there)) as store:
            for number in range(9):  # more often than a statement is prepared
                with store.transaction():
                    store.past.note("fact", str(number))
            assert store.past.fact("fact", default="") == "8"


def test_a_lack_of_connections_is_reported_and_work_continues_when_one_is_free(
    url: str, admin: psycopg.Connection
) -> None:
    store = open_ledger(url)
    admin.execute(f"alter role {name_of(url)} connection limit 1")
    store.close()
    end_connections(url, admin)  # the server may not have noticed yet
    assert any("the user allows 1 connections" in one for one in examine_ledger(url).settings)
    end_connections(url, admin)
    store = open_ledger(url)
    with pytest.raises(StoreUnavailableError, match=r"cannot be reached \(.*too many connections for role"):
        open_view(url)
    end_connections(url, admin)
    with (
        closing(psycopg.connect(url)),
        pytest.raises(StoreUnavailableError, match="too many connections for role"),
        store.transaction(),
    ):
        store.past.note("fact", "lost")
    admin.execute(f"alter role {name_of(url)} connection limit -1")
    with store.transaction():
        store.past.note("fact", "after")
    store.close()
    assert not any("allows" in one for one in examine_ledger(url).settings)


def test_a_server_that_is_read_only_is_not_written_until_it_is_not(
    url: str, admin: psycopg.Connection
) -> None:
    store, database = open_ledger(url), address_of(url).parameters["dbname"]
    with store.transaction():
        store.past.note("fact", "before")
    admin.execute(f'alter database "{database}" set default_transaction_read_only = on')
    end_connections(url, admin)
    with (
        pytest.raises(StoreUnwritableError, match=r"cannot be written \(cannot execute"),
        store.transaction(),
    ):
        store.past.note("fact", "lost")
    assert store.past.fact("fact", default="") == "before", "it can be read"
    with closing(PostgresConnection(address_of(url))) as beside, pytest.raises(StoreUnwritableError):
        beside.run("create table other (id bigint)")
    assert any("default_transaction_read_only` is on" in one for one in examine_ledger(url).settings)
    admin.execute(f'alter database "{database}" reset default_transaction_read_only')
    with suppress(StoreUnwritableError), store.transaction():  # the settings are those of its connection
        store.past.note("fact", "lost")
    with store.transaction():
        store.past.note("fact", "after")
    assert store.past.fact("fact", default="") == "after"
    store.close()


@pytest.fixture
def small(server: Server, admin: psycopg.Connection, short: Path, worker_id: str) -> Iterator[str]:
    """The URL of a database on a disk of its own with little room."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size=24m,uid={NOBODY}", "tmpfs", str(short)], check=True)
    name = f"small-{worker_id}"
    try:
        admin.execute(f"create tablespace \"{name}\" location '{short}'")
        admin.execute(f'create database "{name}" tablespace "{name}"')
        yield server.url(name)
    finally:
        admin.execute(f'drop database if exists "{name}" with (force)')
        admin.execute(f'drop tablespace if exists "{name}"')
        subprocess.run(["umount", str(short)], check=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="a disk with little room needs root")
def test_a_full_disk_of_the_server_stops_only_what_is_written(small: str, short: Path) -> None:
    store = open_ledger(small)
    with store.transaction():
        store.past.note("fact", "before")
    filling = short / "filling"
    with filling.open("wb") as file, pytest.raises(OSError, match="No space left"):
        while True:
            file.write(bytes(65_536))
            file.flush()

    def grow() -> None:
        for number in range(200):
            with store.transaction():
                store.past.note(f"fact {number}", "x" * 2_000)

    with pytest.raises(
        StoreUnwritableError, match=r"cannot be written \(could not extend file .*No space left"
    ):
        grow()
    assert store.past.fact("fact", default="") == "before"
    filling.unlink()
    grow()
    assert store.past.fact("fact 199", default="") == "x" * 2_000
    store.close()
