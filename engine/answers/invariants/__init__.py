"""The invariants of a ledger. Each is a function of a view that yields a finding for each violation."""

__all__ = ["checking", "coverage"]
