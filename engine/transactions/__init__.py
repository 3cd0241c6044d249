"""One change to the ledger each, inside the transaction of the caller."""

__all__ = ["account", "apply", "outbox", "pause", "restore", "stop"]
