"""Reads SQL statements by name from annotated `.sql` files: one file for each table or purpose.

`sql/` beside this module has the statements that every database takes; the `sql/` of a database, its own form
of those that databases write differently.
"""

from collections.abc import Iterator
from pathlib import Path

SHARED = Path(__file__).parent / "sql"
HEADER = "\n-- name: "


def read_statements(file: str, *, own: Path) -> dict[str, str]:
    """The statements of a file, by name: the shared ones and those in the store's own folder."""
    paths = [folder / file for folder in (SHARED, own)]
    return {name: text for path in paths if path.exists() for name, text in _split(path)}


def _split(path: Path) -> Iterator[tuple[str, str]]:
    """A file begins with a comment on its purpose; each statement follows a line with its name."""
    for one in path.read_text(encoding="utf-8").split(HEADER)[1:]:
        name, _, text = one.partition("\n")
        yield name, text
