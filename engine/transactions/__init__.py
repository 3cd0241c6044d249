"""Single changes to the ledger, each inside the transaction of the caller."""

__all__ = [
    "account",
    "apply",
    "backfill",
    "boot",
    "clock",
    "conditions",
    "ends",
    "pause",
    "restore",
    "steps",
    "stop",
    "templates",
]
