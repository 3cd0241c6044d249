"""Applies the fixes that diagnostics carry, and formats a job file."""

__all__ = ["edits", "fix_loop", "format"]
