"""Reports events as lines, for a terminal or a log collector, and new audit records."""

__all__ = ["audit_tail", "file", "lines", "shown", "stream"]
