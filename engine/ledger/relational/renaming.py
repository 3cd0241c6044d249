"""Renames a job in every table of the ledger."""

from engine.ledger.connection import Connection

RENAMED = (
    "renaming.rename_runs",
    "renaming.rename_schedules",
    "renaming.rename_gaps",
    "renaming.rename_versions",
    "renaming.rename_pauses",
    "renaming.rename_pruned",
    "renaming.rename_outbox",
    "renaming.rename_trigger_events",
    "renaming.rename_followed",
    "renaming.rename_followers",
    "renaming.rename_keys",
    "renaming.rename_backfills",
    "late.rename_late",
    "histogram.rename",
)


def rename(connection: Connection, old: str, new: str) -> None:
    """Rename a job. Call it inside a transaction."""
    for query in RENAMED:
        connection.write(query, {"old": old, "new": new})
