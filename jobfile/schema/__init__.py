"""Checks the shape of a file against its JSON Schema, and explains each deviation."""

__all__ = ["forms", "validator"]
