"""The tables of a ledger in PostgreSQL as they are, for a move to or from it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final

import psycopg

from engine.core.errors import StoreRefusedError
from engine.ledger.copy_ports import Cells
from engine.ledger.postgres.address import Address
from engine.ledger.postgres.connection import CHANGE, PostgresConnection
from engine.ledger.postgres.migrate import MOVED, MOVED_TO, VERSION, checked, migrate
from engine.ledger.postgres.store import PostgresView

_COLUMNS: Final = """
select relname as table, attname as column
from pg_class join pg_attribute on attrelid = pg_class.oid
where relkind = 'r' and relnamespace = current_schema()::regnamespace and attnum > 0 and not attisdropped
  and relname not in ('leader', 'host', 'scheduler', 'delivery', 'output_chunk')
order by pg_class.oid, attnum
"""
_NUMBERED: Final = """
select table_name as table, column_name as column from information_schema.columns
where table_schema = current_schema() and is_identity = 'YES'
"""

_APART: Final = """
select format('drop index %%s', indexrelid::regclass) as away, pg_get_indexdef(indexrelid) as back
from pg_index
where indrelid = %(table)s::regclass and not exists (select 1 from pg_constraint where conindid = indexrelid)
union all
select format('alter table %%s drop constraint %%I', conrelid::regclass, conname),
       format('alter table %%s add constraint %%I %%s',
              conrelid::regclass, conname, pg_get_constraintdef(oid))
from pg_constraint where conrelid = %(table)s::regclass and contype = 'f'
union all
select format('alter table %%s disable trigger user', oid::regclass),
       format('alter table %%s enable trigger user', oid::regclass)
from pg_class where oid = %(table)s::regclass and relhastriggers
"""
"""What costs time with each row that is added: indexes and references, which cost a fraction if all rows are
there, and triggers, whose notes are among the rows that are copied.
"""


class PostgresCopyable:
    """Implements `Copyable`."""

    def __init__(self, address: Address) -> None:
        """Connect; create the tables, or bring them up to date."""
        self._db = checked(PostgresConnection(address), migrate)
        self.shown = address.shown
        self.view = PostgresView(self._db)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        with self._db.transaction():
            # Everything is copied in one transaction, and this side is idle while the other is read.
            self._db.run("set local statement_timeout = 0")
            self._db.run("set local idle_in_transaction_session_timeout = 0")
            yield

    def columns(self) -> Mapping[str, Sequence[str]]:
        found: dict[str, list[str]] = {}
        for row in self._db.run(_COLUMNS):
            found.setdefault(row["table"], []).append(row["column"])
        return found

    def rows(self, table: str, columns: Sequence[str], key: Sequence[str]) -> Iterator[Cells]:
        own = f" where key not in ('{VERSION}', '{CHANGE}')" if table == "meta" else ""
        text = f"select {', '.join(columns)} from {table}{own} order by {', '.join(key)}"  # noqa: S608  names of the ledger's own tables
        return (tuple(row) for row in self._db.stream(text))

    def add(self, table: str, columns: Sequence[str], rows: Iterable[Cells]) -> None:
        if table == "meta":  # a new ledger has some rows
            self._db.run("delete from meta where key <> %(key)s", {"key": VERSION})
        apart = self._db.run(_APART, {"table": table})
        for one in apart:
            self._db.run(one["away"])
        try:
            self._db.copy_in(f"copy {table} ({', '.join(columns)}) from stdin", rows)
            for one in apart:
                self._db.run(one["back"])
            # The server's own analysis comes a minute later; until then it would read whole tables.
            self._db.run(f"analyze {table}")
        except (psycopg.DataError, psycopg.IntegrityError) as error:
            said = " ".join(str(error).split())
            raise StoreRefusedError(
                f"a row of the table `{table}` cannot be stored in {self.shown} ({said}); "
                "`jobfile doctor` finds what is wrong with it"
            ) from error

    def number_on(self) -> None:
        for row in self._db.run(_NUMBERED):
            table, column = row["table"], row["column"]
            self._db.run(
                f"select setval(pg_get_serial_sequence('{table}', '{column}'), "  # noqa: S608  names of the ledger's own tables
                f"coalesce(max({column}), 0) + 1, false) from {table}"
            )

    def mark_moved(self, to: str) -> None:
        for key, value in ((MOVED_TO, to), (VERSION, str(MOVED))):
            self._db.run(
                "insert into meta (key, value) values (%(key)s, %(value)s) "
                "on conflict (key) do update set value = excluded.value",
                {"key": key, "value": value},
            )

    def close(self) -> None:
        self._db.close()
