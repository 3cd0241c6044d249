"""A quick look at the ids of runs, for a shell that completes them while a user types.

It reads three columns and builds no run: that needs modules that take long to load, and a user is waiting.
"""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

from engine.ledger.statements import read_statements

MAX_SECONDS: Final = 1.0
"""How long a look waits for the ledger."""
_OWN: Final = Path(__file__).parent / "sql"


def glance(path: Path, *, is_open: bool | None, prefix: str, limit: int) -> Sequence[tuple[str, str, str]]:
    """The id, job and state of the newest runs that are open, that are not, or all; `prefix` begins the id.

    It creates no file, and finds nothing in a ledger that cannot be read now.
    """
    is_in_use = path.with_name(f"{path.name}-shm").exists()
    option = "readonly_shm=1" if is_in_use else "immutable=1"
    file, _, name = "run.glance".partition(".")
    text = read_statements(f"{file}.sql", own=_OWN)[name]
    try:
        with closing(
            sqlite3.connect(f"{path.as_uri()}?mode=ro&{option}", uri=True, timeout=MAX_SECONDS)
        ) as db:
            values = {"is_open": is_open, "prefix": prefix, "limit": limit}
            rows = db.execute(text, values).fetchall()
    except (sqlite3.Error, OverflowError):
        return ()
    return [(*row,) for row in rows if all(isinstance(cell, str) for cell in row)]
