"""Migrate a ledger to the version of this program: numbered steps, all in one transaction.

A new ledger is made at once by `newest.sql`, which makes the same: all steps take five times as long.
"""

import sqlite3
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Final

from engine.core.errors import StoreRefusedError, StoreUnavailableError
from engine.ledger.sqlite.connection import SqliteConnection, objects_of
from engine.ledger.sqlite.functions import FUNCTIONS
from jobfile.model.hashing import sha256

MIGRATIONS = Path(__file__).parent / "migrations"
NEWEST: Final = "newest.sql"
"""What all steps make, as one script: `pytest tests/store/test_sqlite.py --update` writes it from them."""
NEWEST_OBJECTS: Final = "2d3ccaf0f91183ee11e9c0a853d799780c2dca3188aa82e570e22b8c65b7b308"
"""`digest_of` the objects that all steps make. A constant: taking the steps would add 10 ms to each start."""

MOVED: Final = 1_000_000
"""The version of a ledger that was moved to another database."""
MOVED_TO: Final = "moved_to"
"""The key, in the table `meta`, of the place where it is now."""


def refuse_older(connection: SqliteConnection, folder: Path) -> None:
    """Refuse a ledger that lacks steps: a reader must not migrate it. And one that is elsewhere now."""
    have = connection.pragma("user_version")
    assert isinstance(have, int)
    if have == MOVED:
        raise _moved(connection)
    if have == 0:
        raise StoreUnavailableError(
            f"the ledger {connection.path} is empty: an engine is just starting, or was stopped while it "
            "started; try again, or start one with  jobfile up"
        )
    if have < _number_of_steps(folder):
        raise StoreRefusedError(
            f"the ledger {connection.path} was written by an older jobfile; "
            "start the engine of this one once, which brings it up to date:  jobfile up"
        )


def refuse_newer(connection: SqliteConnection, folder: Path) -> None:
    """Refuse a ledger with steps that this program does not know."""
    have, known = connection.pragma("user_version"), _number_of_steps(folder)
    assert isinstance(have, int)
    if have == MOVED:
        raise _moved(connection)
    if have > known:
        raise StoreRefusedError(
            f"the ledger {connection.path} was written by a newer jobfile (version {have} of its tables, "
            f"this program knows {known}); upgrade jobfile, and restart this program"
        )


def _moved(connection: SqliteConnection) -> StoreRefusedError:
    row = connection.row("meta.get_meta", {"key": MOVED_TO})
    to = "another place" if row is None else row["value"]
    return StoreRefusedError(
        f"the ledger {connection.path} was moved to {to}; use it there:  --store URL, or JOBFILE_STORE=URL"
    )


def known_version() -> int:
    """The number of the newest migration step."""
    return len(_steps(MIGRATIONS))


@lru_cache(maxsize=16)
def _number_of_steps(folder: Path) -> int:
    """Cached: a program that submits runs compares it each time."""
    return len(_steps(folder))


def _steps(folder: Path) -> list[Path]:
    return sorted(one for one in folder.iterdir() if one.suffix == ".sql" and one.name[:4].isdecimal())


def foreign_objects(connection: SqliteConnection, folder: Path) -> tuple[str, ...]:
    """How the ledger's tables, indexes, triggers and views differ from this program's, in words.

    A foreign trigger could change what this program writes, and a foreign view what it reads.
    """
    have = connection.pragma("user_version")
    assert isinstance(have, int)
    own, found = _objects_at(folder, have), dict(connection.objects())
    return (
        *(f"{kind} `{name}` does not belong to it" for kind, name in sorted(found.keys() - own.keys())),
        *(f"{kind} `{name}` is missing" for kind, name in sorted(own.keys() - found.keys())),
        *(
            f"{kind} `{name}` differs from jobfile's definition"
            for kind, name in sorted(own.keys() & found.keys())
            if own[kind, name] != found[kind, name]
        ),
    )


def refuse_foreign(connection: SqliteConnection, folder: Path) -> None:
    """Refuse a ledger whose objects differ from this program's. `migrate` refuses a newer version."""
    if connection.pragma("user_version") not in range(1, len(_steps(folder)) + 1):
        return
    if digest_of(connection.objects()) == NEWEST_OBJECTS:
        return
    if found := foreign_objects(connection, folder):
        raise StoreRefusedError(
            f"the ledger {connection.path} was altered: {'; '.join(found)}. "
            "Restore a copy, or drop what does not belong to it with sqlite3"
        )


def digest_of(objects: Iterable[tuple[tuple[str, str], str]]) -> str:
    """The digest of a ledger's objects: their kinds, names and definitions."""
    return sha256(repr(sorted(objects)).encode()).hexdigest()


@lru_cache(maxsize=16)
def _objects_at(folder: Path, version: int) -> dict[tuple[str, str], str]:
    """The objects of a ledger of a version, found by taking its steps in memory."""
    made = sqlite3.connect(":memory:")
    for name, function in FUNCTIONS.items():
        made.create_function(name, -1, function, deterministic=True)
    try:
        for step in _steps(folder)[:version]:
            made.executescript(step.read_text())
        return dict(objects_of(made))
    finally:
        made.close()


def migrate(connection: SqliteConnection, folder: Path) -> None:
    """Apply the steps that the ledger lacks; refuse a ledger of a newer version."""
    refuse_newer(connection, folder)
    steps = _steps(folder)
    if connection.pragma("user_version") == len(steps):
        return
    with connection.transaction():  # a concurrent reader sees the old ledger or the new one
        if connection.pragma("user_version") == 0 and not any(connection.objects()):
            connection.script((folder / NEWEST).read_text())
            connection.script(f"pragma user_version = {len(steps)};")
        for number, step in enumerate(steps, start=1):
            if connection.pragma("user_version") == number - 1:
                connection.script(step.read_text())
                connection.script(f"pragma user_version = {number};")
