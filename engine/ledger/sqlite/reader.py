"""Reads a ledger's file again and again: opening it costs little, so nothing is kept open."""

import time
from pathlib import Path
from typing import Final

from engine.ledger.row_memory import KEPT_ROWS, RowMemory
from engine.ledger.sqlite.view import SqliteView

SETTLED_NANOSECONDS: Final = 50_000_000

Mark = tuple[tuple[int, ...] | None, ...]


class SqliteReader:
    """Implements `Reader`."""

    def __init__(self, path: Path, rows: int = KEPT_ROWS) -> None:
        """Name the file, and how many of its rows are remembered."""
        self._path = path
        self._rows = RowMemory(rows)

    def view(self) -> SqliteView:
        return SqliteView.open(self._path, self._rows)

    def mark(self) -> Mark:
        """The inode, size and time of the file and of its log.

        Never opens them: closing one would end the locks that SQLite holds on it in this process. The time of
        a file is coarse: a later write can have the same one. So while that is still possible, the mark also
        has the present time, and differs from every other mark.
        """
        path = self._path
        found = [_about(path), _about(path.with_name(f"{path.name}-wal"))]
        now = time.clock_gettime_ns(time.CLOCK_REALTIME)
        if any(one is not None and abs(now - one[-1]) < SETTLED_NANOSECONDS for one in found):
            found.append((now,))
        return tuple(found)

    def close(self) -> None:
        pass


def _about(name: Path) -> tuple[int, ...] | None:
    try:
        found = name.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns
