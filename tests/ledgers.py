"""New ledgers for tests that are not about how one is made: copies of one that each process makes.

`pytest --store postgres` gives the tests of an engine ledgers in a real PostgreSQL server instead.
"""

import sqlite3
import tempfile
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any, Protocol

from engine.host.lock import make_private_file
from engine.ledger.ports import View
from engine.ledger.sqlite.store import SqliteStore
from engine.ledger.sqlite.view import SqliteView
from engine.ledger.store_ports import Store


def fill_ledger(path: Path) -> None:
    """Write into an empty file what `SqliteStore.open` makes of it, which takes four times as long.

    All copies have the same lineage.
    """
    path.write_bytes(_new_ledger())


@cache
def _new_ledger() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ledger.db"
        make_private_file(path)
        SqliteStore.open(path).close()
        return path.read_bytes()


class Ledgers(Protocol):
    """Opens the ledger that belongs to the file of a state folder; the first time, an empty one."""

    def store(self, file: Path) -> Store: ...

    def view(self, file: Path) -> View: ...

    def rows(self, file: Path, query: str) -> list[tuple[Any, ...]]: ...

    def url(self, file: Path) -> str:
        """Its URL; empty if it is the file."""
        ...

    def content(self, file: Path) -> bytes:
        """All that is in it."""
        ...

    def analyze(self, file: Path) -> None:
        """Count the rows of the tables, as a server does now and then, but not in tests."""
        ...

    def lose(self, file: Path) -> None:
        """From now on there is no ledger."""
        ...

    def damage(self, file: Path) -> None:
        """From now on it is refused."""
        ...

    def give_back(self, file: Path) -> None:
        """The test needs it no more."""
        ...


class InFiles:
    """The ledger is the file."""

    def store(self, file: Path) -> Store:
        make_private_file(file)
        if not file.stat().st_size:
            fill_ledger(file)
        return SqliteStore.open(file)

    def view(self, file: Path) -> View:
        return SqliteView.open(file)

    def rows(self, file: Path, query: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as db:
            return db.execute(query).fetchall()

    def url(self, file: Path) -> str:
        return ""

    def content(self, file: Path) -> bytes:
        return b"".join(one.read_bytes() for one in file.parent.glob(f"{file.name}*"))

    def analyze(self, file: Path) -> None:
        pass

    def lose(self, file: Path) -> None:
        for name in ("", "-wal", "-shm"):
            Path(f"{file}{name}").unlink(missing_ok=True)

    def damage(self, file: Path) -> None:
        size = file.stat().st_size
        self.lose(file)
        file.write_bytes(b"x" * size)

    def give_back(self, file: Path) -> None:
        pass


class Chosen:
    """Where the ledgers of an engine under test are."""

    ledgers: Ledgers = InFiles()
