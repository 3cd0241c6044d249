"""The ledger over a connection to any database: which statement each method of a port runs."""

__all__ = ["store", "view"]
