"""Is the machine and the ledger sound: each area looks at one thing, changes nothing, and says what to do."""

__all__ = ["checking", "reporting"]
