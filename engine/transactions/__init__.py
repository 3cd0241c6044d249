"""Single changes to the ledger, each inside the transaction of the caller."""

__all__ = [
    "access",
    "account",
    "apply",
    "backfill",
    "boot",
    "clock",
    "conditions",
    "ends",
    "expiring",
    "following",
    "keys",
    "lateness",
    "pause",
    "requests",
    "restore",
    "steps",
    "stop",
    "templates",
    "trigger_events",
    "webhooks",
]
