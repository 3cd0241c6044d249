"""A ledger in a real PostgreSQL server, for tests that empty it again and again."""

from pathlib import Path
from typing import Any

import psycopg

from engine.ledger.postgres.address import address_of
from engine.ledger.postgres.connection import PostgresConnection
from engine.ledger.postgres.migrate import known_version
from engine.ledger.postgres.store import PostgresStore, PostgresView
from tests.postgres_servers import Server
from tests.store.conformance import Ledger

EMPTY = """
select 'set session_replication_role = replica; '
  || string_agg(format('delete from %s', relation), '; ')
  || '; set session_replication_role = origin; '
  || (select string_agg(format('select setval(%L, 1, false)', sequence), '; ')
      from (select oid::regclass as sequence from pg_class where relkind = 'S') as found)
from (select oid::regclass as relation from pg_class
      where relkind = 'r' and relnamespace = current_schema()::regnamespace and relname <> 'meta') as found
"""
"""Makes the statements that empty a ledger: as superuser, past its triggers. A new one takes much longer."""


class Known:
    """A ledger that this process fills and empties again, and its connections, which live longer than a test.

    A new connection would read the catalog of all tables anew: that takes longer than most tests.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        PostgresStore.open(address_of(url)).close()
        self.superuser = psycopg.connect(url, autocommit=True)
        [(text,)] = self.superuser.execute(EMPTY).fetchall()
        self._empty = (
            f"{text}; delete from meta where key not in ('lineage', 'version'); "
            f"update meta set value = '{known_version()}' where key = 'version'"
        )
        self._made: list[tuple[PostgresConnection, PostgresConnection]] = []
        self._taken = 0

    def take(self) -> Ledger:
        if self._taken == len(self._made):
            address = address_of(self.url)
            self._made.append((PostgresConnection(address), PostgresConnection(address, read_only=True)))
        store, view = self._made[self._taken]
        self._taken += 1
        return Ledger(PostgresStore(store), PostgresView(view))

    def empty(self) -> None:
        for pair in self._made[: self._taken]:
            for one in pair:
                assert not one._is_in_transaction
                one.epoch, one.unreadable = None, {}
        self._taken = 0
        self.superuser.execute(self._empty)

    def close(self) -> None:
        for one in (self.superuser, *(one for pair in self._made for one in pair)):
            one.close()


class InServer:
    """Ledgers for engines: each state folder of a test gets a database, which a later test finds empty."""

    def __init__(self, server: Server, name: str) -> None:
        self._server = server
        self._name = name
        self._made: list[Known] = []
        self._free: list[Known] = []
        self._taken: dict[Path, Known] = {}
        self._opened: dict[Path, list[PostgresStore | PostgresView]] = {}

    def store(self, file: Path) -> PostgresStore:
        opened = PostgresStore.open(address_of(self.url(file)))
        self._opened[file].append(opened)
        return opened

    def view(self, file: Path) -> PostgresView:
        opened = PostgresView.open(address_of(self.url(file)))
        self._opened[file].append(opened)
        return opened

    def rows(self, file: Path, query: str) -> list[tuple[Any, ...]]:
        return self._taken[file].superuser.execute(query).fetchall()

    def url(self, file: Path) -> str:
        if file not in self._taken:
            if not self._free:
                self._free.append(a_database(self._server, f"{self._name}-{len(self._made)}"))
                self._made.append(self._free[0])
            self._taken[file], self._opened[file] = self._free.pop(), []
        return self._taken[file].url

    def superuser(self, file: Path) -> psycopg.Connection:
        return self._taken[file].superuser

    def content(self, file: Path) -> bytes:
        found = self._taken[file].superuser.execute("select schema_to_xml('public', true, false, '')")
        return str(found.fetchall()).encode()

    def analyze(self, file: Path) -> None:
        self._taken[file].superuser.execute("analyze")

    def lose(self, file: Path) -> None:
        self._taken[file].superuser.execute("alter schema public rename to gone; create schema public")

    def damage(self, file: Path) -> None:
        self._taken[file].superuser.execute("update meta set value = '999999' where key = 'version'")

    def give_back(self, file: Path) -> None:
        for one in self._opened.pop(file):
            one.close()
        known = self._taken.pop(file)
        if known.superuser.execute("select from pg_namespace where nspname = 'gone'").rowcount:
            known.superuser.execute("drop schema public; alter schema gone rename to public")
        known.empty()
        self._free.append(known)

    def empty(self) -> None:
        for file in list(self._taken):
            self.give_back(file)

    def close(self) -> None:
        for known in self._made:
            known.close()


def a_database(server: Server, name: str) -> Known:
    """An empty ledger in a new database."""
    with superuser(server.url()) as first:
        first.execute(f'create database "{name}"')
    return Known(server.url(name))


def superuser(url: str) -> psycopg.Connection:
    """A connection of the user to whom everything belongs."""
    return psycopg.connect(url, autocommit=True)
