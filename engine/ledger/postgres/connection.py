"""One connection to a ledger in PostgreSQL: transactions, errors, and the statements by name."""

import re
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any, Final, NoReturn, TypeVar  # a row's columns have no narrower type

import psycopg
from psycopg.pq import TransactionStatus
from psycopg.types.numeric import Int8Dumper
from psycopg.types.string import StrDumper

from engine.core.errors import (
    ChangeUnknownError,
    JobfileError,
    StoreDamagedError,
    StoreRefusedError,
    StoreUnavailableError,
    StoreUnwritableError,
)
from engine.ledger.connection import ROWS_AT_ONCE, Connection, Values
from engine.ledger.host_ports import LEADER
from engine.ledger.postgres.address import UNANSWERED_SECONDS, Address
from engine.ledger.postgres.fates import MARK, Fate, Mark, fate_of
from engine.ledger.postgres.pooling import is_pooled
from engine.ledger.rows import db_text
from engine.ledger.statements import read_statements

Given = TypeVar("Given")

BUSY_SECONDS: Final = 10.0
"""How long a writer waits for another before it gives up, unless its caller sets a time."""
STATEMENT_SECONDS: Final = 30
"""How long one statement of a writer may take."""
READ_SECONDS: Final = 300
"""How long one query of a reader may take: `doctor` reads whole tables."""
PAUSE_SECONDS: Final = 5
"""How long a writer may do nothing inside a transaction before the server ends it, because others wait."""
LOOK_SECONDS: Final = 300
"""The same for a reader, which blocks no other."""
TIME_LIMITS: Final = (
    f"-cstatement_timeout={STATEMENT_SECONDS}s -clock_timeout={round(BUSY_SECONDS)}s "
    f"-cidle_in_transaction_session_timeout={PAUSE_SECONDS}s -ctcp_user_timeout={UNANSWERED_SECONDS}s"
)
"""The same limits as options of a connection that a library makes."""
OLDEST_SERVER: Final = 14
"""The oldest version of PostgreSQL that a ledger may be in."""

LOCK: Final = 1_245_859_692
"""The first half of the lock that each writing transaction takes; the second is the ledger's schema. Every
writer waits for it, so what a transaction has read is true until it commits, as in SQLite.
"""
_BEGIN: Final = f"begin; select pg_advisory_xact_lock({LOCK}, hashtext(current_schema()))"
CHANGE: Final = "change"
"""The key, in the table `meta`, whose value is different after each transaction that wrote something."""
_COMMIT: Final = (
    f"insert into meta (key, value) values ('{CHANGE}', pg_current_xact_id()::text) "  # noqa: S608  a constant
    "on conflict (key) do update set value = excluded.value; commit"
)
_RING: Final = f"select pg_notify('jobfile_' || current_schema(), '{LEADER}'), {MARK}"
_SERVER: Final = "select server_now() as server"
_SNAPSHOT: Final = "begin isolation level repeatable read read only"
_SETTINGS: Final = """
select set_config('statement_timeout', %(statement)s, false),
       set_config('lock_timeout', %(lock)s, false),
       set_config('idle_in_transaction_session_timeout', %(pause)s, false),
       case when %(read_only)s then set_config('default_transaction_read_only', 'on', false) end,
       set_config('tcp_user_timeout', %(unanswered)s, false),
       set_config('client_min_messages', 'warning', false),
       case when current_setting('synchronous_commit') = 'off'
            then set_config('synchronous_commit', 'on', false) end,
       current_schema() as schema, current_setting('server_encoding') as encoding,
       exists (select from pg_namespace
               where nspname = any(string_to_array(current_setting('search_path'), ', '))) as is_hidden,
       cast(current_setting('server_version_num') as integer) / 10000 as version
"""

_OWN: Final = Path(__file__).parent / "sql"
_BUSY: Final = ("55P03", "57014", "40001", "40P01")
_AWAY: Final = ("08", "57P", "53300", "25P03")
_UNWRITABLE: Final = ("53", "58", "25006")
_DAMAGED: Final = ("XX001", "XX002")
_OURS: Final = ("21", "22", "23", "42")
"""Classes of errors of our own statements: they are bugs, or a constraint has refused a row."""
_FORBIDDEN: Final = "42501"
_READ_ONLY: Final = "25006"
_NOT_YOURS: Final = "JF001"
"""What the functions of the ledger raise for a host of another user, with words of our own."""
READER: Final = "jobfile_reader"
WORKER: Final = "jobfile_worker"
OWNER: Final = "jobfile_leader"
"""The roles that rights.sql gives rights to; the last one owns the tables."""


_ABOUT_TLS: Final = (
    "root certificate file",
    "certificate verify failed",
    "server certificate",
    "support SSL",
)
"""What libpq says when TLS fails: nothing was sent to the server."""


class PostgresRow:
    """A row of a result: its columns by name and by number."""

    __slots__ = ("_places", "_values")

    def __init__(self, places: dict[str, int], values: Sequence[Any]) -> None:
        """Take the numbers of the columns by name, which all rows of a result share."""
        self._places = places
        self._values = values

    def __getitem__(self, column: str | int, /) -> Any:  # noqa: ANN401  a column has no narrower type
        """The value of a column."""
        return self._values[column if isinstance(column, int) else self._places[column]]

    def __iter__(self) -> Iterator[Any]:
        """The values of the columns."""
        return iter(self._values)

    def keys(self) -> list[str]:
        """The names of the columns, in the same order."""
        return list(self._places)


def _as_rows(cursor: psycopg.Cursor[Any]) -> Callable[[Sequence[Any]], PostgresRow]:
    places = {column.name: number for number, column in enumerate(cursor.description or ())}
    return lambda values: PostgresRow(places, values)


class PostgresConnection(Connection):
    """One connection, and in the whole ledger one writer at a time: each transaction takes the same lock.

    A connection that breaks is replaced when it is next used. A transaction that had begun is lost,
    and its caller gets an error; one that had not begun, and a read, are done again.
    """

    def __init__(
        self, address: Address, *, read_only: bool = False, busy_seconds: float = BUSY_SECONDS
    ) -> None:
        """Connect; `read_only` never changes the ledger. A writer waits for another for `busy_seconds`."""
        super().__init__()
        self.address = address
        self._read_only = read_only
        self._busy_seconds = busy_seconds
        self._cursors = count(1)
        self._is_bound = False
        """Whether a transaction or a snapshot is open: what is inside belongs to this connection alone."""
        self._has_written = False
        """Whether the transaction has written something."""
        self._server = ""
        with self._explaining_errors():
            self._db = self._connect()

    def close(self) -> None:
        with self._lock:
            self._db.close()

    def __del__(self) -> None:
        """Close a connection that is no longer used, as sqlite3 does: a command leaves that to its end."""
        if hasattr(self, "_db"):
            self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        with self._lock, self._explaining_errors():
            assert self._writer is None, "a transaction inside another"
            self._begin(_BEGIN)
            self._writer, self._is_bound, self._has_written = threading.get_ident(), True, False
            try:
                self.refuse_when_superseded(self.address.shown)
                yield
                self._commit()
            except BaseException:
                self._roll_back()
                raise
            finally:
                self._writer, self._is_bound = None, False

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        with self._lock, self._explaining_errors():
            if self._is_bound:
                yield
                return
            self._begin(_SNAPSHOT)
            self._is_bound = True
            try:
                yield
            finally:
                self._is_bound = False
                self._roll_back()

    def write(self, name: str, values: Values) -> int:
        self.refuse_outside_transaction(name)
        self._has_written = True
        return self._execute(name, values).rowcount

    def rows(self, name: str, values: Values | None = None) -> list[PostgresRow]:
        with self._lock, self._explaining_errors():
            return self._repeated(lambda: self._execute(name, values or {}).fetchall())

    def each(self, name: str, values: Values | None = None) -> Iterator[PostgresRow]:
        with self._explaining_errors():
            with self._lock:
                cursor = self._repeated(lambda: self._declared(name, values or {}))
            try:
                while found := cursor.fetchmany(ROWS_AT_ONCE):
                    yield from found
            finally:
                for _ in range(2):  # the first may find that the connection is broken
                    with suppress(psycopg.Error):
                        cursor.close()

    def run(self, text: str, values: Values | None = None) -> list[PostgresRow]:
        """Run a statement that is not in a `.sql` file; its rows."""
        with self._lock, self._explaining_errors():
            cursor = self._repeated(lambda: self._db.execute(text, values))
            return cursor.fetchall() if cursor.description else []

    def stream(self, text: str) -> Iterator[PostgresRow]:
        """The rows of a query that is not in a `.sql` file, read lazily inside a transaction."""
        with self._explaining_errors(), self._db.cursor(f"stream_{next(self._cursors)}") as cursor:
            cursor.execute(text)
            while found := cursor.fetchmany(ROWS_AT_ONCE):
                yield from found

    def copy_in(self, text: str, rows: Iterable[Sequence[object]]) -> None:
        """Add many rows with COPY. Raises the errors of psycopg about a row."""
        self._has_written = True
        with self._lock, self._db.cursor() as cursor, cursor.copy(text) as copy:
            for row in rows:
                copy.write_row(row)

    def script(self, text: str) -> None:
        """Run the statements of a migration inside the transaction."""
        self.refuse_outside_transaction("a migration")
        self._db.execute(text.encode())

    def verify(self) -> None:
        """PostgreSQL checks each page that it reads; a damaged one is an error of the query."""
        self.run("select 1")

    def server(self) -> str:
        """The server to which this connection leads, another one after a failover; empty if not known."""
        with self._lock:
            if self._db.closed or not self._server:
                self._server = str(self.run(_SERVER)[0]["server"])
            return self._server

    @property
    def is_free(self) -> bool:
        """Whether others can use this connection: it is not broken, and not in a transaction."""
        return not self._db.closed and not self._is_in_transaction

    @property
    def _is_in_transaction(self) -> bool:
        return self._db.info.transaction_status is not TransactionStatus.IDLE and not self._db.closed

    def _execute(self, name: str, values: Values) -> psycopg.Cursor[PostgresRow]:
        return self._db.execute(statement(name), _storable(values))

    def _declared(self, name: str, values: Values) -> psycopg.ServerCursor[PostgresRow]:
        """A cursor in the server, which keeps the whole result for it if there is no transaction."""
        cursor = self._db.cursor(f"each_{next(self._cursors)}", withhold=not self._is_bound)
        return cursor.execute(statement(name), _storable(values))

    def _begin(self, text: str) -> None:
        try:
            self._repeated(lambda: self._db.execute(text))
        except BaseException:
            self._roll_back()
            raise

    def _commit(self) -> None:
        """Commit. If a caller caught an error, PostgreSQL would roll back and report no error."""
        failed = self._db.info.transaction_status is TransactionStatus.INERROR
        assert not failed, "a statement of the transaction failed, and its error was caught"
        if not self._has_written or self.epoch is not None:
            self._db.execute(_COMMIT if self._has_written else "commit")
            return
        # Not the engine, whose loops look again: a user asks once. So tell the engine to look.
        [row] = self._db.execute(_RING).fetchall()
        try:
            self._db.execute(_COMMIT)
        except psycopg.OperationalError as error:
            if not self._db.closed and not (error.sqlstate or "").startswith(_AWAY):
                raise
            self._find_fate(Mark(row["xact"], row["server"]), error)

    def _find_fate(self, mark: Mark, error: psycopg.OperationalError) -> None:
        """Ask how a commit that was not answered has ended. Raises an error unless it was done."""
        fate = Fate.UNKNOWN
        with suppress(psycopg.Error, JobfileError):
            self._db.close()
            self._db = self._connect()
            fate = fate_of(self._db, mark)
        said = self.address.without_password(" ".join(str(error).split()))
        broken = f"the connection to the ledger {self.address.shown} broke ({said})"
        if fate is Fate.NOT_DONE:
            raise StoreUnavailableError(f"{broken}, and nothing was recorded; try again") from error
        if fate is Fate.UNKNOWN:
            raise ChangeUnknownError(
                f"{broken}: the change may have been recorded; look with  jobfile audit  before you repeat it"
            ) from error

    def _roll_back(self) -> None:
        """Undo a transaction. If the connection is broken, the server has already done so."""
        with suppress(psycopg.Error):
            if self._is_in_transaction:
                self._db.execute("rollback")

    def _repeated(self, act: Callable[[], Given]) -> Given:
        """Call `act`. Outside of a transaction, call it again on a new connection if this one is broken."""
        if self._is_bound:
            return act()
        if self._db.closed:
            self._db = self._connect()
        try:
            return act()
        except psycopg.OperationalError as error:
            # The server may have said that it ends the connection, which still looks open here.
            if not self._db.closed and not (error.sqlstate or "").startswith(_AWAY):
                raise
        self._db.close()
        self._db = self._connect()
        return act()

    def _connect(self) -> psycopg.Connection[PostgresRow]:
        opened = psycopg.connect(self.address.conninfo, autocommit=True, row_factory=_as_rows)
        self._server = ""
        try:
            opened.adapters.register_dumper(int, Int8Dumper)  # one type for all numbers: one plan
            opened.adapters.register_dumper(str, StrDumper)
            self._refuse_pooler(opened)
            self._set_up(opened)
        except BaseException:
            opened.close()
            raise
        return opened

    def _refuse_pooler(self, opened: psycopg.Connection[PostgresRow]) -> None:
        if is_pooled(opened, self.address.conninfo):
            raise StoreRefusedError(
                f"the ledger {self.address.shown} is behind a pooler that gives each transaction another "
                "connection, such as PgBouncer in transaction mode: locks and time limits would not hold, "
                "and settings reach other programs. Name the server itself in the URL, or a pool in "
                "session mode"
            )

    def _set_up(self, opened: psycopg.Connection[PostgresRow]) -> None:
        statement_seconds = READ_SECONDS if self._read_only else STATEMENT_SECONDS
        values = {
            "statement": f"{statement_seconds}s",
            "lock": f"{round(self._busy_seconds * 1000)}ms",
            "pause": f"{LOOK_SECONDS if self._read_only else PAUSE_SECONDS}s",
            "read_only": self._read_only,
            "unanswered": f"{UNANSWERED_SECONDS}s",
        }
        [row] = opened.execute(_SETTINGS, values).fetchall()
        schema, version, encoding = row["schema"], row["version"], row["encoding"]
        if schema is None and row["is_hidden"]:
            raise _forbidden(self.address.shown, "no right to use its schema", is_reader=self._read_only)
        if schema is None:
            raise StoreRefusedError(
                f"the ledger {self.address.shown} is in a schema that does not exist; make it, or name "
                "another one in the URL with  ?options=-csearch_path%3DSCHEMA"
            )
        if version < OLDEST_SERVER:
            raise StoreRefusedError(
                f"the server of the ledger {self.address.shown} is PostgreSQL {version}; "
                f"jobfile needs {OLDEST_SERVER} or newer"
            )
        if encoding != "UTF8":
            raise StoreRefusedError(
                f"the database of the ledger {self.address.shown} has the encoding {encoding}; make one "
                "with  createdb --encoding UTF8 --template template0 NAME"
            )

    @contextmanager
    def _explaining_errors(self) -> Iterator[None]:
        """Turn PostgreSQL's errors into ours, whose messages say what to do."""
        try:
            yield
        except psycopg.Error as error:
            self._raise(error)

    def _raise(self, error: psycopg.Error) -> NoReturn:
        """Raise our error for one of PostgreSQL. A mistake in our statements is a bug: raised unchanged."""
        state = error.sqlstate or ""
        if isinstance(error, psycopg.ProgrammingError | psycopg.InterfaceError | psycopg.NotSupportedError):
            is_ours = state != _FORBIDDEN
        else:
            is_ours = state.startswith(_OURS)
        if is_ours:
            raise error
        if state == _READ_ONLY and not self._read_only:
            self._db.close()  # the next one may lead to a server, or have settings, that allow it
        if state == _NOT_YOURS:
            raise StoreRefusedError(
                f"the ledger {self.address.shown} refuses this host: {error.diag.message_primary}"
            ) from error
        said = self.address.without_password(" ".join(str(error).split()))
        if state == _FORBIDDEN:
            raise _forbidden(self.address.shown, said, is_reader=self._read_only) from error
        raise _explained(self.address.shown, state, said) from error


def _storable(values: Values) -> Values:
    """The values with texts in a form that a database can store."""
    if all(one.isascii() and "\0" not in one for one in values.values() if type(one) is str):
        return values
    return {key: db_text(one) if isinstance(one, str) else one for key, one in values.items()}


@cache
def statement(name: str) -> str:
    """A statement by file and name, for example `run.start_run`, as psycopg takes it."""
    file, _, own_name = name.partition(".")
    return _statements(file)[own_name]


@cache
def _statements(file: str) -> dict[str, str]:
    found = read_statements(f"{file}.sql", own=_OWN)
    return {name: _translated(text) for name, text in found.items()}


def _translated(text: str) -> str:
    """A statement without comments and SQLite's `indexed by`, with params as psycopg writes them."""
    text = re.sub(r"^\s*-- .*\n", "", text, flags=re.MULTILINE)
    text = re.sub(r" indexed by \w+", "", text).replace("%", "%%")
    return re.sub(r":(\w+)", r"%(\1)s", text).rstrip().removesuffix(";")


def _forbidden(shown: str, said: str, *, is_reader: bool) -> StoreRefusedError:
    """The error of a user without the right; it names the role that has it."""
    does, role = ("read", READER) if is_reader else ("write", OWNER)
    if "function worker_" in said:
        does, role = "execute jobs of", WORKER
    return StoreRefusedError(
        f"the user of the URL may not {does} the ledger {shown} ({said}); use a user with the role {role}"
    )


def _explained(shown: str, state: str, said: str) -> JobfileError:
    if state.startswith(_BUSY):
        return StoreUnavailableError(f"the ledger {shown} is busy ({said}); try again")
    if not state and any(word in said for word in _ABOUT_TLS):
        return StoreUnavailableError(
            f"the ledger {shown} is not trusted ({said}); give the certificate of its authority with "
            "sslrootcert=FILE  in the URL"
        )
    if not state or state.startswith(_AWAY):
        return StoreUnavailableError(f"the ledger {shown} cannot be reached ({said}); try again")
    if state.startswith(_UNWRITABLE):
        return StoreUnwritableError(
            f"the ledger {shown} cannot be written ({said}); nothing new is started until it can"
        )
    if state.startswith(_DAMAGED):
        return StoreDamagedError(
            f"the ledger {shown} is damaged ({said}); nothing is started from it. "
            "Restore a copy of the database"
        )
    return StoreRefusedError(f"the ledger {shown} cannot be used ({said})")
