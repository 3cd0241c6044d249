"""The ledger in SQLite."""

__all__ = ["copying", "examining", "glance", "reader", "store", "view"]
