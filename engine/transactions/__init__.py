"""Single changes to the ledger, each inside the transaction of the caller."""

__all__ = [
    "account",
    "apply",
    "backfill",
    "boot",
    "clock",
    "conditions",
    "ends",
    "lateness",
    "pause",
    "restore",
    "steps",
    "stop",
    "templates",
]
