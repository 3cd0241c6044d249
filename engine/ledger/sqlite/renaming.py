"""A job has another name: everything that the ledger says of it goes with that name."""

from engine.ledger.sqlite.connection import Connection

RENAMED = (
    "rename_runs",
    "rename_schedules",
    "rename_gaps",
    "rename_versions",
    "rename_pauses",
    "rename_pruned",
    "rename_outbox",
)


def rename(connection: Connection, old: str, new: str) -> None:
    """Inside the caller's transaction."""
    for query in RENAMED:
        connection.write(query, {"old": old, "new": new})
