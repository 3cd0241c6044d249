"""Opens a ledger in PostgreSQL by its URL, in each way that `engine/ledger/opening.py` offers."""

from collections.abc import Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Final

from engine.core.errors import JobfileError
from engine.ledger.connection import Values
from engine.ledger.postgres.address import address_of
from engine.ledger.postgres.connection import BUSY_SECONDS, PostgresConnection, PostgresRow
from engine.ledger.postgres.copying import PostgresCopyable
from engine.ledger.postgres.examining import examine
from engine.ledger.postgres.reader import PostgresReader
from engine.ledger.postgres.shared import PostgresSharedLedger
from engine.ledger.postgres.store import PostgresStore, PostgresView

if TYPE_CHECKING:
    from engine.core.records import Examination
    from engine.ledger.copy_ports import Copyable

GLANCE_SECONDS: Final = "2"
"""How long completion waits for the server while a user types."""


def open_store(url: str) -> PostgresStore:
    """Open a ledger for writing; create or migrate its tables first."""
    return PostgresStore.open(address_of(url))


def open_to_submit(url: str, *, busy_seconds: float) -> PostgresStore:
    """Open a ledger for a program that submits runs; refuse one of another version."""
    return PostgresStore.open_current(address_of(url), busy_seconds=busy_seconds)


def open_current(url: str) -> PostgresStore:
    """Open a ledger for writing; refuse one of another version."""
    return PostgresStore.open_current(address_of(url), busy_seconds=BUSY_SECONDS)


def open_view(url: str) -> PostgresView:
    """Open a ledger for reading only."""
    return PostgresView.open(address_of(url))


def open_shared(url: str) -> PostgresSharedLedger:
    """Open what several hosts share."""
    return PostgresSharedLedger(address_of(url))


def open_reader(url: str, rows: int) -> PostgresReader:
    """Open a ledger for many reads."""
    return PostgresReader(address_of(url), rows)


def glance(url: str, *, is_open: bool | None, prefix: str, limit: int) -> Sequence[tuple[str, str, str]]:
    """The id, job and state of the newest runs; nothing when the ledger cannot be read now."""
    values = {"is_open": is_open, "prefix": prefix, "limit": limit}
    return tuple((row[0], row[1], row[2]) for row in _glance(url, "run.glance", values))


def glance_at_hosts(url: str) -> Sequence[str]:
    """The names of the hosts; nothing when the ledger cannot be read now."""
    return tuple(dict.fromkeys(str(row["name"]) for row in _glance(url, "host.all", {})))


def _glance(url: str, name: str, values: Values) -> Sequence[PostgresRow]:
    address = address_of(url)
    quick = address._replace(parameters={**address.parameters, "connect_timeout": GLANCE_SECONDS})
    try:
        with closing(PostgresConnection(quick, read_only=True)) as connection:
            return connection.rows(name, values)
    except JobfileError:
        return ()


def open_copyable(url: str) -> "Copyable":
    """Open a ledger for a move; create its tables first."""
    return PostgresCopyable(address_of(url))


def examine_ledger(url: str) -> "Examination":
    """Check the server's settings, and the version of the tables."""
    return examine(address_of(url))
