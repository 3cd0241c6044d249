"""Are the machine and the ledger sound: each area checks one thing, changes nothing, and says what to do."""

__all__ = ["checking", "reporting"]
