"""The kinds of action in the language: one module each, behind one small protocol, in one registry."""

__all__ = ["http", "kind", "registry"]
