"""The shape of a job file, from its JSON Schema, and each deviation explained."""

__all__ = ["unknown_keys", "validator"]
