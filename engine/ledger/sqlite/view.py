"""The reading half of the ledger in one SQLite file."""

from pathlib import Path
from typing import Self

from engine.ledger.relational.view import LedgerView
from engine.ledger.row_memory import RowMemory
from engine.ledger.sqlite.connection import SqliteConnection
from engine.ledger.sqlite.migrate import MIGRATIONS, refuse_older


class SqliteView(LedgerView):
    """Implements `View`."""

    @classmethod
    def open(cls, path: Path, memory: RowMemory | None = None) -> Self:
        """Open the ledger for reading only. Rows that the memory knows are not made again."""
        connection = SqliteConnection(path, read_only=True)
        connection.row_memory = memory
        return cls._of(connection)

    @classmethod
    def open_trace_free(cls, path: Path, *, is_in_use: bool) -> Self:
        """Open the ledger for reading without creating its `-wal` and `-shm` files.

        SQLite creates them even for readers. `immutable` avoids that but ignores the log, so it is right only
        when no engine runs and the log is empty.
        """
        log = path.with_name(f"{path.name}-wal")
        is_whole = not is_in_use and not (log.exists() and log.stat().st_size)
        return cls._of(
            SqliteConnection(path, read_only=True, options="&immutable=1" if is_whole else "&readonly_shm=1")
        )

    @classmethod
    def _of(cls, connection: SqliteConnection) -> Self:
        try:
            refuse_older(connection, MIGRATIONS)
        except BaseException:
            connection.close()
            raise
        return cls(connection)
