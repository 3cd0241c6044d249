"""Connects plans with the engine: both sides of a plan, facts of the ledger, and putting a plan in force."""

__all__ = ["drift", "enforcing", "facts", "invalid", "saved", "sides"]
