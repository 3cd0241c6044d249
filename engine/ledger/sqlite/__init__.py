"""The ledger in SQLite."""

__all__ = ["examining", "glance", "store", "view"]
