"""Events as lines: for a terminal, for a log collector, and the audit beside them."""

__all__ = ["audit_tail", "file", "lines", "shown", "stream"]
