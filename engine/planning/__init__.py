"""Connects plans with the engine: both sides of a plan, facts of the ledger, and putting a plan in force."""

__all__ = ["drift", "enforcing", "in_force", "in_force_json", "invalid", "ledger_in_force", "saved", "sides"]
