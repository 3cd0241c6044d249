"""Plans around the engine: where the two sides come from, what the ledger knows, and putting one in force."""

__all__ = ["drift", "enforcing", "facts", "invalid", "saved", "sides"]
