"""Open a ledger by its URL, as a store or a view. No other module names a concrete store."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

from engine.core.errors import JobfileError

if TYPE_CHECKING:
    from engine.core.records import Examination
    from engine.ledger.ports import View
    from engine.ledger.store_ports import Store
    from engine.ledger.submit_ports import Submitting

SQLITE = "sqlite"


def open_ledger(url: str) -> "Store":
    """Open a ledger for writing. An empty one gets its tables; an older one is migrated."""
    path = _sqlite_path(url)
    from engine.ledger.sqlite.store import SqliteStore  # noqa: PLC0415  start-up time: few commands write

    return SqliteStore.open(path)


def open_to_submit(url: str, *, busy_seconds: float) -> "Submitting":
    """Open a ledger for a program that submits runs. One of another version is refused, not migrated: an
    engine may run on it. A write waits for others for `busy_seconds`.
    """
    path = _sqlite_path(url)
    from engine.ledger.sqlite.store import SqliteStore  # noqa: PLC0415  start-up time: few commands write

    return SqliteStore.open_current(path, busy_seconds=busy_seconds)


def open_view(url: str) -> "View":
    """Open a ledger for reading only."""
    path = _sqlite_path(url)
    from engine.ledger.sqlite.view import SqliteView  # noqa: PLC0415  start-up time: not all commands read

    return SqliteView.open(path)


def open_trace_free_view(url: str, *, is_in_use: bool) -> "View":
    """Open a ledger for reading without creating files beside it; `is_in_use`: an engine runs on it."""
    path = _sqlite_path(url)
    from engine.ledger.sqlite.view import SqliteView  # noqa: PLC0415  start-up time: not all commands read

    return SqliteView.open_trace_free(path, is_in_use=is_in_use)


def glance_at_runs(
    url: str, *, is_open: bool | None, prefix: str, limit: int
) -> Sequence[tuple[str, str, str]]:
    """Id, job and state of the newest runs, read quickly; no file is created, and a failure finds nothing."""
    path = _sqlite_path(url)
    from engine.ledger.sqlite.glance import glance  # noqa: PLC0415  start-up time: only while typing

    return glance(path, is_open=is_open, prefix=prefix, limit=limit)


def examine_ledger(url: str) -> "Examination":
    """Check that the file of a ledger is intact. Raises what opening a ledger raises."""
    path = _sqlite_path(url)
    from engine.ledger.sqlite.examining import examine  # noqa: PLC0415  start-up time: `doctor` only

    return examine(path)


def _sqlite_path(url: str) -> Path:
    """The file that a URL names. An error shows the scheme alone: the rest may hold a password."""
    scheme, mark, place = url.partition("://")
    if not mark or scheme != SQLITE:
        said = f"the scheme `{scheme}`" if mark else "no scheme"
        raise JobfileError(f"the ledger's URL has {said}; expected  sqlite:///PATH")
    if not place.startswith("/"):
        raise JobfileError(f"the ledger's URL `{url}` names no absolute path; expected  sqlite:///PATH")
    return Path(os.fsdecode(unquote_to_bytes(place)))
