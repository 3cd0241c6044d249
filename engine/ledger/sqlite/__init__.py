"""The ledger in SQLite."""

__all__ = ["copying", "examining", "glance", "store", "view"]
