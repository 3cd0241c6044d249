"""YAML text in, a tree of values with their places out; each syntax error in words."""

__all__ = ["document", "error_context", "layout", "located_reader", "scalars"]
