"""The tables of a SQLite ledger as they are, for a move to another database."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final

from engine.ledger.connection import ROWS_AT_ONCE
from engine.ledger.copy_ports import Cells
from engine.ledger.sqlite.connection import SqliteConnection
from engine.ledger.sqlite.migrate import MIGRATIONS, MOVED, MOVED_TO, migrate, refuse_foreign
from engine.ledger.sqlite.view import SqliteView

BUSY_SECONDS: Final = 2.0
"""How long a move waits for a program that writes: nothing should."""


class SqliteCopyable:
    """Implements `Copyable`."""

    def __init__(self, path: Path) -> None:
        """Open the file; create its tables, or bring them up to date."""
        self._db = SqliteConnection(path, busy_seconds=BUSY_SECONDS)
        try:
            refuse_foreign(self._db, MIGRATIONS)
            migrate(self._db, MIGRATIONS)
        except BaseException:
            self._db.close()
            raise
        self.shown = f"sqlite://{path}"
        self.view = SqliteView(self._db)

    def transaction(self) -> AbstractContextManager[None]:
        return self._db.transaction()

    def columns(self) -> Mapping[str, Sequence[str]]:
        names = [name for (kind, name), _ in self._db.objects() if kind == "table"]
        return {name: [row["name"] for row in self._db.pragma_rows(f"table_info({name})")] for name in names}

    def rows(self, table: str, columns: Sequence[str], key: Sequence[str]) -> Iterator[Cells]:
        names = ", ".join(columns)
        cursor = self._db.run(f"select {names} from {table} order by {', '.join(key)}")  # noqa: S608  names of the ledger's own tables
        while found := cursor.fetchmany(ROWS_AT_ONCE):
            yield from map(tuple, found)

    def add(self, table: str, columns: Sequence[str], rows: Iterable[Cells]) -> None:
        if table == "meta":  # a new ledger has some rows
            self._db.run("delete from meta")
        names, marks = ", ".join(columns), ", ".join("?" * len(columns))
        self._db.run_many(f"insert into {table} ({names}) values ({marks})", rows)  # noqa: S608  names of the ledger's own tables

    def number_on(self) -> None:
        """SQLite does so by itself."""

    def mark_moved(self, to: str) -> None:
        self._db.run("insert into meta (key, value) values (?, ?)", (MOVED_TO, to))
        self._db.run(f"pragma user_version = {MOVED}")

    def close(self) -> None:
        self._db.close()
