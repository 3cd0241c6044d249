"""One SQLite file: opening it safely, transactions, and the statements by name."""

import sqlite3
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from engine.errors import JobfileError, StoreRefusedError, StoreUnavailableError, SupersededError

BUSY_SECONDS = 30.0
"""How long a writer waits for another before it gives up."""

ROWS_AT_ONCE = 1_000
"""Rows that are held at a time while a long answer is read."""

_HERE = Path(__file__).parent
_FULL = ("disk is full", "disk i/o error", "readonly", "read-only", "unable to open")


class Connection:
    """One connection, one writer at a time; every write transaction is BEGIN IMMEDIATE.

    A deferred transaction that turns from reading to writing would fail at once with SQLITE_BUSY,
    whatever the busy timeout says; and WAL with synchronous=FULL is what keeps a reported end reported
    after a power cut.
    """

    def __init__(self, path: Path, *, read_only: bool = False, options: str = "") -> None:
        """Open the file; `read_only` never creates or changes it. `options` end SQLite's URI."""
        self.path = path
        self.epoch: int | None = None
        self._lock = threading.RLock()
        self._statements: dict[str, str] = {}
        mode = "ro" if read_only else "rw"
        with _told(path):
            self._db = sqlite3.connect(
                f"{path.absolute().as_uri()}?mode={mode}{options}",
                uri=True,
                timeout=BUSY_SECONDS,
                isolation_level=None,
                check_same_thread=False,
                cached_statements=128,
            )
            self._db.row_factory = sqlite3.Row
            self._db.executescript(
                "pragma foreign_keys=on; pragma trusted_schema=off;"
                if read_only
                else "pragma journal_mode=wal; pragma synchronous=full; pragma foreign_keys=on;"
                "pragma trusted_schema=off; pragma secure_delete=on;"
            )

    def close(self) -> None:
        """Give the file back."""
        with self._lock:
            self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Everything inside becomes true at once, or nothing does."""
        with self._lock, _told(self.path):
            self._db.execute("begin immediate")
            try:
                self._refuse_when_superseded()
                yield
                self._db.execute("commit")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("rollback")
                raise

    def write(self, name: str, values: Mapping[str, object]) -> int:
        """Run a statement by name inside a transaction; the number of rows it changed."""
        assert self._db.in_transaction, f"{name} outside a transaction"
        return self._db.execute(self._sql(name), values).rowcount

    def rows(self, name: str, values: Mapping[str, object] | None = None) -> list[sqlite3.Row]:
        """The rows of a query by name."""
        with self._lock, _told(self.path):
            return self._db.execute(self._sql(name), values or {}).fetchall()

    def each(self, name: str, values: Mapping[str, object] | None = None) -> Iterator[sqlite3.Row]:
        """The rows of a query by name, a few at a time: for those that may be too many to hold at once."""
        with _told(self.path):
            cursor = self._db.execute(self._sql(name), values or {})
            while found := cursor.fetchmany(ROWS_AT_ONCE):
                yield from found

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Everything that is read inside is of one moment, whatever others write meanwhile."""
        with self._lock, _told(self.path):
            self._db.execute("begin deferred")
            try:
                yield
            finally:
                self._db.execute("rollback")

    def row(self, name: str, values: Mapping[str, object] | None = None) -> sqlite3.Row | None:
        """The first row of a query by name."""
        found = self.rows(name, values)
        return found[0] if found else None

    def script(self, text: str) -> None:
        """Run the statements of a migration inside the transaction."""
        statement = ""
        for line in text.splitlines(keepends=True):
            statement += line
            if sqlite3.complete_statement(statement):
                self._db.execute(statement)
                statement = ""
        assert not statement.strip(), "a migration ends inside a statement"

    def pragma(self, name: str) -> object:
        """The value of a pragma."""
        return self.pragma_rows(name)[0][0]

    def pragma_rows(self, name: str) -> list[sqlite3.Row]:
        """Everything that a pragma says."""
        with self._lock, _told(self.path):
            return self._db.execute(f"pragma {name}").fetchall()

    def _sql(self, name: str) -> str:
        if name not in self._statements:
            self._statements[name] = (_HERE / "queries" / f"{name}.sql").read_text()
        return self._statements[name]

    def _refuse_when_superseded(self) -> None:
        """The fence: an engine that was stopped while another took over must not write again."""
        if self.epoch is None:
            return
        newest = self._db.execute(self._sql("newest_epoch")).fetchone()[0]
        if newest != self.epoch:
            raise SupersededError(
                f"a newer engine (epoch {newest}) has taken {self.path}; this one (epoch {self.epoch}) stops"
            )


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Turn SQLite's words into a sentence that says what to do."""
    try:
        yield
    except sqlite3.OperationalError as error:
        raise _explained(path, str(error)) from error
    except sqlite3.DatabaseError as error:
        if isinstance(error, (sqlite3.IntegrityError, sqlite3.ProgrammingError)):
            raise
        raise StoreRefusedError(
            f"the ledger {path} is damaged ({error}); nothing is started from it. "
            "Restore a copy, or move the state folder away to begin with an empty ledger"
        ) from error


def _explained(path: Path, message: str) -> JobfileError:
    text = message.lower()
    if "locked" in text or "busy" in text:
        return StoreUnavailableError(f"the ledger {path} is busy; try again")
    if any(word in text for word in _FULL):
        return StoreUnavailableError(
            f"the ledger {path} cannot be written ({message}); nothing new is started until it can. "
            "Free space on its disk or mend its rights"
        )
    return StoreRefusedError(f"the ledger {path} cannot be used ({message})")
