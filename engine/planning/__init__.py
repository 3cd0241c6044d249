"""Plans and the engine: the source of both sides, the ledger's facts, and putting a plan in force."""

__all__ = ["drift", "enforcing", "facts", "invalid", "saved", "sides"]
