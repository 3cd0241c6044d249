"""A job has another name: everything that the ledger says of it goes with that name."""

from engine.ledger.sqlite.connection import Connection

RENAMED = (
    "renaming.rename_runs",
    "renaming.rename_schedules",
    "renaming.rename_gaps",
    "renaming.rename_versions",
    "renaming.rename_pauses",
    "renaming.rename_pruned",
    "renaming.rename_outbox",
)


def rename(connection: Connection, old: str, new: str) -> None:
    """Inside the caller's transaction."""
    for query in RENAMED:
        connection.write(query, {"old": old, "new": new})
