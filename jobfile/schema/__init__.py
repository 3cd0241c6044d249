"""Checks the shape of a job file against its JSON Schema, and explains each deviation."""

__all__ = ["unknown_keys", "validator"]
