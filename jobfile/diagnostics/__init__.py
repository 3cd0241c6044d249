"""What is wrong, where in which text, and what to do about it."""

__all__ = ["diagnostic", "escapes", "excerpt", "source", "suggest"]
