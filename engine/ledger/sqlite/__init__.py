"""The ledger in SQLite."""

__all__ = ["examining", "store", "view"]
