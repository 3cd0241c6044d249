"""Reads YAML text into a tree of values with their places, and explains each syntax error."""

__all__ = ["document", "error_context", "layout", "located_reader", "scalars"]
