"""Bring a ledger to the version of this program: numbered steps, all in one transaction."""

from pathlib import Path

from engine.errors import StoreRefusedError, StoreUnavailableError
from engine.store.sqlite.connection import Connection

MIGRATIONS = Path(__file__).parent / "migrations"


def refuse_older(connection: Connection, folder: Path) -> None:
    """Refuse to read a ledger that lacks steps: who only reads may not change it."""
    have = connection.pragma("user_version")
    assert isinstance(have, int)
    if have == 0:
        raise StoreUnavailableError(
            f"the ledger {connection.path} is empty: an engine is just beginning, or ended as it began; "
            "try again, or start one with  jobfile up"
        )
    if have < len(_steps(folder)):
        raise StoreRefusedError(
            f"the ledger {connection.path} was written by an older jobfile; "
            "start the engine of this one once, which brings it up to date:  jobfile up"
        )


def known_version() -> int:
    """The version of the tables that this program writes."""
    return len(_steps(MIGRATIONS))


def _steps(folder: Path) -> list[Path]:
    return sorted(folder.glob("[0-9][0-9][0-9][0-9]_*.sql"))


def migrate(connection: Connection, folder: Path) -> None:
    """Apply the numbered steps that the ledger does not have yet; refuse a ledger of a newer program."""
    steps = _steps(folder)
    have = connection.pragma("user_version")
    assert isinstance(have, int)
    if have > len(steps):
        raise StoreRefusedError(
            f"the ledger {connection.path} was written by a newer jobfile (version {have} of its tables, "
            f"this program knows {len(steps)}); upgrade jobfile"
        )
    if have == len(steps):
        return
    with connection.transaction():  # whoever reads meanwhile sees the old ledger or the new one
        for number, step in enumerate(steps, start=1):
            if connection.pragma("user_version") == number - 1:
                connection.script(step.read_text())
                connection.script(f"pragma user_version = {number};")
