"""New ledgers for tests that are not about how one is made: copies of one that each process makes."""

import tempfile
from functools import cache
from pathlib import Path

from engine.host.lock import make_private_file
from engine.ledger.sqlite.store import SqliteStore


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
