"""Answers of `run --dry-run`: what a run would do, without starting it, reading a secret or writing."""

__all__ = ["before", "describing", "rendering"]
