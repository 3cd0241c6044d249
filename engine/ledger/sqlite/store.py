"""The writing half of the ledger in one SQLite file."""

from pathlib import Path
from typing import Self

from engine.ledger.relational.store import LedgerStore
from engine.ledger.sqlite.connection import SqliteConnection
from engine.ledger.sqlite.migrate import MIGRATIONS, migrate, refuse_foreign, refuse_newer, refuse_older


class SqliteStore(LedgerStore):
    """Implements `Store`, and `Submitting`."""

    _db: SqliteConnection

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open the ledger; create or migrate it first."""
        connection = SqliteConnection(path)
        try:
            refuse_foreign(connection, MIGRATIONS)
            migrate(connection, MIGRATIONS)
        except BaseException:
            connection.close()
            raise
        return cls(connection)

    @classmethod
    def open_current(cls, path: Path, *, busy_seconds: float) -> Self:
        """Open a ledger of this program's version; refuse any other."""
        connection = SqliteConnection(path, busy_seconds=busy_seconds)
        try:
            refuse_foreign(connection, MIGRATIONS)
            opened = cls(connection)
            opened.refuse_other_version()
        except BaseException:
            connection.close()
            raise
        return opened

    def refuse_other_version(self) -> None:
        refuse_older(self._db, MIGRATIONS)
        refuse_newer(self._db, MIGRATIONS)
