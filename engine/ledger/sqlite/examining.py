"""Checks the file of a ledger with SQLite's own checks. The file may be damaged in any way."""

from pathlib import Path

from engine.core.records import Examination
from engine.ledger.sqlite.connection import SqliteConnection
from engine.ledger.sqlite.migrate import MIGRATIONS, foreign_objects, known_version

MAX_TROUBLES = 10
"""Maximum number of problems of one kind that are shown."""

QUICK_FROM_BYTES = 2**30
"""A ledger of more bytes is checked without comparing its indexes, which would take minutes."""


def examine(path: Path) -> Examination:
    """Check a whole file. Raises the errors of opening a ledger."""
    connection = SqliteConnection(path, read_only=True)
    try:
        is_quick = path.stat().st_size > QUICK_FROM_BYTES
        pragma = f"{'quick_check' if is_quick else 'integrity_check'}({MAX_TROUBLES})"
        said = [str(row[0]) for row in connection.pragma_rows(pragma)]
        broken = connection.pragma_rows("foreign_key_check")
        version = connection.pragma("user_version")
        assert isinstance(version, int)
        return Examination(
            damage=() if said == ["ok"] else tuple(said),
            broken_references=tuple(
                f"a row of `{row[0]}` names a missing `{row[2]}`" for row in broken[:MAX_TROUBLES]
            ),
            version=version,
            known_version=known_version(),
            journal_mode=str(connection.pragma("journal_mode")),
            is_quick=is_quick,
            foreign=foreign_objects(connection, MIGRATIONS) if 0 < version <= known_version() else (),
        )
    finally:
        connection.close()
