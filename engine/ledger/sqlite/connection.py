"""One SQLite file: opening it safely, transactions, and the statements by name."""

import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import NoReturn

from engine.core.errors import (
    JobfileError,
    StoreDamagedError,
    StoreRefusedError,
    StoreUnavailableError,
    StoreUnwritableError,
)
from engine.ledger.connection import ROWS_AT_ONCE, Connection, Values
from engine.ledger.rows import db_text
from engine.ledger.sqlite.functions import FUNCTIONS
from engine.ledger.statements import read_statements

BUSY_SECONDS = 30.0
"""How long a writer waits for another before it gives up, unless its caller sets a time."""

_UNDECODED = "Could not decode to UTF-8"
_OWN = Path(__file__).parent / "sql"
_BUSY = ("SQLITE_BUSY", "SQLITE_LOCKED")
_UNWRITABLE = ("SQLITE_FULL", "SQLITE_IOERR", "SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM")
_DAMAGED = ("SQLITE_CORRUPT", "SQLITE_NOTADB")
_DISTRUSTED = "SQLITE_IOERR"


class SqliteConnection(Connection):
    """One connection, one writer at a time; every write transaction is BEGIN IMMEDIATE.

    A deferred transaction that begins with a read and then writes can fail at once with SQLITE_BUSY,
    whatever the busy timeout is. WAL with synchronous=FULL keeps a reported end across a power cut.

    After an I/O error the connection is replaced and the file checked before anything else is done: after
    a failed sync, the pages that the kernel has cached may differ from those on the disk.
    """

    def __init__(
        self,
        path: Path,
        *,
        read_only: bool = False,
        options: str = "",
        busy_seconds: float = BUSY_SECONDS,
    ) -> None:
        """Open the file; `read_only` never creates or changes it. `options` are appended to SQLite's URI.

        A writer waits for another for `busy_seconds`.
        """
        super().__init__()
        self.path = path
        self._busy_seconds = busy_seconds
        self._uri = f"{path.absolute().as_uri()}?mode={'ro' if read_only else 'rw'}{options}"
        self._pragmas = (
            "pragma foreign_keys=on; pragma trusted_schema=off; pragma cell_size_check=on;"
            if read_only
            else "pragma journal_mode=wal; pragma synchronous=full; pragma foreign_keys=on;"
            "pragma trusted_schema=off; pragma cell_size_check=on; pragma secure_delete=on;"
        )
        self._is_trusted = True
        with self._explaining_errors():
            self._db = self._connect()

    def close(self) -> None:
        with self._lock:
            self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        with self._lock, self._explaining_errors():
            assert self._writer is None, "a transaction inside another"
            self._replace_when_distrusted()
            self._db.execute("begin immediate")
            self._writer = threading.get_ident()
            try:
                self.refuse_when_superseded(self.path)
                yield
                self._db.execute("commit")
            except BaseException:
                self._roll_back()
                raise
            finally:
                self._writer = None

    def write(self, name: str, values: Values) -> int:
        self.refuse_outside_transaction(name)
        return self._execute(name, values).rowcount

    def rows(self, name: str, values: Values | None = None) -> list[sqlite3.Row]:
        with self._lock:
            try:  # called several times for each run: faster than a context manager
                self._replace_when_distrusted()
                return self._execute(name, values or {}).fetchall()
            except sqlite3.DatabaseError as error:
                if _UNDECODED not in str(error):
                    self._raise(error)
            self._read_any_bytes()
            with self._explaining_errors():
                return self._execute(name, values or {}).fetchall()

    def _read_any_bytes(self) -> None:
        """From now on, replace bytes that are not UTF-8 by U+FFFD: the value is bad, the other columns are
        not.

        The default decoder is faster, so this one is set only when a query has failed or reads every row.
        """
        self._db.text_factory = _text_of

    def each(self, name: str, values: Values | None = None) -> Iterator[sqlite3.Row]:
        self._read_any_bytes()
        with self._explaining_errors():
            cursor = self._execute(name, values or {})
            while found := cursor.fetchmany(ROWS_AT_ONCE):
                yield from found

    def _execute(self, name: str, values: Values) -> sqlite3.Cursor:
        """Execute a statement by name, with texts in a form that a database can store."""
        if not all(one.isascii() and "\0" not in one for one in values.values() if type(one) is str):
            values = {key: db_text(one) if isinstance(one, str) else one for key, one in values.items()}
        return self._db.execute(statement(name), values)

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        with self._lock, self._explaining_errors():
            if self._db.in_transaction:
                yield
                return
            self._db.execute("begin deferred")
            try:
                yield
            finally:
                self._db.execute("rollback")

    def script(self, text: str) -> None:
        """Run the statements of a migration inside the transaction."""
        statement = ""
        for line in text.splitlines(keepends=True):
            statement += line
            if sqlite3.complete_statement(statement):
                self._db.execute(statement)
                statement = ""
        assert not statement.strip(), "a migration ends inside a statement"

    def run(self, text: str, values: Sequence[object] = ()) -> sqlite3.Cursor:
        """Run a statement that is not of the ledger's own files, and reads any bytes."""
        self._read_any_bytes()
        with self._explaining_errors():
            return self._db.execute(text, values)

    def run_many(self, text: str, rows: Iterable[Sequence[object]]) -> None:
        """Run a statement for each of many rows."""
        with self._explaining_errors():
            self._db.executemany(text, rows)

    def pragma(self, name: str) -> object:
        """The value of a pragma."""
        return self.pragma_rows(name)[0][0]

    def pragma_rows(self, name: str) -> list[sqlite3.Row]:
        """All rows of a pragma."""
        with self._lock, self._explaining_errors():
            self._replace_when_distrusted()
            return self._db.execute(f"pragma {name}").fetchall()

    def objects(self) -> Iterator[tuple[tuple[str, str], str]]:
        """The tables, indexes, triggers and views of the file, as `objects_of` gives them."""
        with self._lock, self._explaining_errors():
            yield from objects_of(self._db)

    def verify(self) -> None:
        with self._lock, self._explaining_errors():
            self._verify()

    def _verify(self) -> None:
        found = self._db.execute("pragma quick_check(1)").fetchone()[0]
        if found != "ok":
            raise _damaged(self.path, str(found))

    def _connect(self) -> sqlite3.Connection:
        opened = sqlite3.connect(
            self._uri,
            uri=True,
            timeout=self._busy_seconds,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=128,
        )
        opened.row_factory = sqlite3.Row
        for name, function in FUNCTIONS.items():
            opened.create_function(name, -1, function, deterministic=True)
        try:
            opened.executescript(self._pragmas)
        except BaseException:
            opened.close()
            raise
        return opened

    def _roll_back(self) -> None:
        """Undo a failed transaction; when that fails too, the connection is to be replaced."""
        try:
            if self._db.in_transaction:
                self._db.execute("rollback")
        except sqlite3.Error:
            self._is_trusted = False

    def _replace_when_distrusted(self) -> None:
        """Replace a connection after an I/O error, and check the file.

        The new connection is opened before the old one is closed: while one is open, SQLite does not recover
        the log, which may hold the failed transaction in full.
        """
        if self._is_trusted or self._db.in_transaction:
            return
        fresh = self._connect()
        self._db, old = fresh, self._db
        with suppress(sqlite3.Error):
            old.close()
        self._verify()
        self._is_trusted = True

    @contextmanager
    def _explaining_errors(self) -> Iterator[None]:
        """Turn SQLite's errors into ours, whose messages say what to do."""
        try:
            yield
        except sqlite3.DatabaseError as error:
            self._raise(error)

    def _raise(self, error: sqlite3.DatabaseError) -> NoReturn:
        """Raise the error that fits. An error of our own statements is a bug, and stays as it is."""
        if isinstance(error, (sqlite3.IntegrityError, sqlite3.ProgrammingError)):
            raise error
        name = getattr(error, "sqlite_errorname", "")
        if name.startswith(_DISTRUSTED):
            self._is_trusted = False
        raise _explained(self.path, name, str(error)) from error


def objects_of(db: sqlite3.Connection) -> Iterator[tuple[tuple[str, str], str]]:
    """The tables, indexes, triggers and views of a database: kind and name, and the normalized definition.

    SQLite's internal objects are left out: they have no definition to compare. Quotes are removed because
    SQLite adds them, or not, when it rewrites a definition after a table is renamed.
    """
    for kind, name, text in db.execute("select type, name, sql from sqlite_schema"):
        if not str(name).startswith("sqlite_"):
            yield (str(kind), str(name)), "".join(str(text).replace('"', "").split()).lower()


def _text_of(found: bytes) -> str:
    return found.decode("utf-8", "replace")


@cache
def statement(name: str) -> str:
    """A statement by file and name, for example `run.start_run`."""
    file, _, own_name = name.partition(".")
    return _statements(file)[own_name]


@cache
def _statements(file: str) -> dict[str, str]:
    """The statements of one file: a command needs a few tables, so it does not read all files."""
    return read_statements(f"{file}.sql", own=_OWN)


def _explained(path: Path, name: str, message: str) -> JobfileError:
    if name.startswith(_BUSY):
        return StoreUnavailableError(f"the ledger {path} is busy; try again")
    if name.startswith(_UNWRITABLE):
        what = f"{message}, {name}" if name.startswith(_DISTRUSTED) else message
        return StoreUnwritableError(
            f"the ledger {path} cannot be written ({what}); nothing new is started until it can. "
            "Free space on its disk or correct its rights"
        )
    if name.startswith(_DAMAGED):
        return _damaged(path, message)
    return StoreRefusedError(f"the ledger {path} cannot be used ({message})")


def _damaged(path: Path, found: str) -> StoreDamagedError:
    return StoreDamagedError(
        f"the ledger {path} is damaged ({found}); nothing is started from it. "
        "Restore a copy, or move the state folder away to begin with an empty ledger"
    )
