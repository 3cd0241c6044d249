"""Open a ledger by its URL, as a store or a view. No other module names a concrete store."""

import os
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote_to_bytes

from engine.config import SERVERS
from engine.core.errors import JobfileError
from engine.core.extras import not_installed
from engine.ledger.row_memory import KEPT_ROWS

if TYPE_CHECKING:
    from engine.core.records import Examination
    from engine.ledger.copy_ports import Copyable
    from engine.ledger.host_ports import Outputs, SharedLedger
    from engine.ledger.ports import View
    from engine.ledger.reader_ports import Reader
    from engine.ledger.store_ports import Store
    from engine.ledger.submit_ports import Submitting

SQLITE: Final = "sqlite"
EXPECTED: Final = "expected  sqlite:///PATH  or  postgresql://USER@HOST/DATABASE"


def open_ledger(url: str) -> "Store":
    """Open a ledger for writing. An empty one gets its tables; an older one is migrated."""
    if _is_postgres(url):
        store: Store = _postgres().open_store(url)
        return store
    path = _sqlite_path(url)
    from engine.ledger.sqlite.store import SqliteStore  # noqa: PLC0415  start-up time: few commands write

    return SqliteStore.open(path)


def open_to_submit(url: str, *, busy_seconds: float) -> "Submitting":
    """Open a ledger for a program that submits runs. One of another version is refused, not migrated: an
    engine may run on it. A write waits for others for `busy_seconds`.
    """
    if _is_postgres(url):
        store: Submitting = _postgres().open_to_submit(url, busy_seconds=busy_seconds)
        return store
    path = _sqlite_path(url)
    from engine.ledger.sqlite.store import SqliteStore  # noqa: PLC0415  start-up time: few commands write

    return SqliteStore.open_current(path, busy_seconds=busy_seconds)


def open_current(url: str) -> "Store":
    """Open a ledger for a host, which changes none of its tables. One of another version is refused, and one
    that does not exist yet.
    """
    store: Store = _postgres().open_current(url)
    return store


def open_shared(url: str) -> "SharedLedger":
    """Open the ports of a ledger that hosts share. Raises JobfileError for a file, which has one host."""
    if not _is_postgres(url):
        raise JobfileError(
            "the ledger is a file, which belongs to one host; use one in PostgreSQL for several:  --store URL"
        )
    shared: SharedLedger = _postgres().open_shared(url)
    return shared


def open_objects(url: str) -> "Outputs":
    """Open an object store for outputs. Raises JobfileError when that is not possible here."""
    try:
        from engine.ledger.objects import ObjectOutputs  # noqa: PLC0415  an extra, and start-up time
    except ImportError as error:
        raise not_installed("outputs in an object store need", error, extra="objects") from error
    return ObjectOutputs(url)


def open_view(url: str) -> "View":
    """Open a ledger for reading only."""
    if _is_postgres(url):
        view: View = _postgres().open_view(url)
        return view
    path = _sqlite_path(url)
    from engine.ledger.sqlite.view import SqliteView  # noqa: PLC0415  start-up time: not all commands read

    return SqliteView.open(path)


def open_reader(url: str, rows: int = KEPT_ROWS) -> "Reader":
    """Read a ledger for as long as this process lives, and remember this number of rows. It need not exist
    yet, nor be reachable.
    """
    if _is_postgres(url):
        reader: Reader = _postgres().open_reader(url, rows)
        return reader
    path = _sqlite_path(url)
    from engine.ledger.sqlite.reader import SqliteReader  # noqa: PLC0415  start-up time: only servers

    return SqliteReader(path, rows)


def open_trace_free_view(url: str, *, is_in_use: bool) -> "View":
    """Open a ledger for reading without creating files beside it; `is_in_use`: an engine runs on it."""
    if _is_postgres(url):
        return open_view(url)
    path = _sqlite_path(url)
    from engine.ledger.sqlite.view import SqliteView  # noqa: PLC0415  start-up time: not all commands read

    return SqliteView.open_trace_free(path, is_in_use=is_in_use)


def glance_at_runs(
    url: str, *, is_open: bool | None, prefix: str, limit: int
) -> Sequence[tuple[str, str, str]]:
    """Id, job and state of the newest runs, read quickly; no file is created, and a failure finds nothing."""
    if _is_postgres(url):
        found: Sequence[tuple[str, str, str]] = _postgres().glance(
            url, is_open=is_open, prefix=prefix, limit=limit
        )
        return found
    path = _sqlite_path(url)
    from engine.ledger.sqlite.glance import glance  # noqa: PLC0415  start-up time: only while typing

    return glance(path, is_open=is_open, prefix=prefix, limit=limit)


def glance_at_hosts(url: str) -> Sequence[str]:
    """The names of the hosts on a ledger in a server, read quickly; a failure finds nothing."""
    found: Sequence[str] = _postgres().glance_at_hosts(url)
    return found


def examine_ledger(url: str) -> "Examination":
    """Check that a ledger is intact. Raises the errors of opening a ledger."""
    if _is_postgres(url):
        found: Examination = _postgres().examine_ledger(url)
        return found
    path = _sqlite_path(url)
    from engine.ledger.sqlite.examining import examine  # noqa: PLC0415  start-up time: `doctor` only

    return examine(path)


def open_copyable(url: str) -> "Copyable":
    """Open a ledger for a move from or to it; a place without one gets an empty one."""
    if _is_postgres(url):
        copyable: Copyable = _postgres().open_copyable(url)
        return copyable
    path = _sqlite_path(url)
    from engine.ledger.sqlite.copying import SqliteCopyable  # noqa: PLC0415  start-up time: `migrate` only

    return SqliteCopyable(path)


def roles_text() -> str:
    """The statements that make the roles of a ledger in PostgreSQL, and give them their rights."""
    folder = Path(__file__).parent / "postgres"
    return "".join((folder / name).read_text("utf-8") for name in ("roles.sql", "rights.sql"))


def file_of(url: str) -> Path | None:
    """The file of a ledger in SQLite; None if it is in a server."""
    return None if _is_postgres(url) else _sqlite_path(url)


def _is_postgres(url: str) -> bool:
    return url.partition("://")[0] in SERVERS


def _postgres() -> ModuleType:
    """The functions that open a ledger in PostgreSQL, whose driver is an extra."""
    try:
        from engine.ledger.postgres import doors  # noqa: PLC0415  an extra, and start-up time
    except ImportError as error:
        if error.name is not None and not error.name.startswith("psycopg"):
            raise
        error.name = "psycopg"  # without a name, the package is there and its library libpq is missing
        raise not_installed("a ledger in PostgreSQL needs", error, extra="postgres") from error
    return doors


def _sqlite_path(url: str) -> Path:
    """The file that a URL names. An error shows the scheme alone: the rest may hold a password."""
    scheme, mark, place = url.partition("://")
    if not mark or scheme != SQLITE:
        said = f"the scheme `{scheme}`" if mark else "no scheme"
        raise JobfileError(f"the ledger's URL has {said}; {EXPECTED}")
    if not place.startswith("/"):
        raise JobfileError(f"the ledger's URL `{url}` names no absolute path; {EXPECTED}")
    return Path(os.fsdecode(unquote_to_bytes(place)))
