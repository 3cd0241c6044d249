"""Executes the attempts that an engine has started: on this host, or on others."""

__all__ = ["executor", "here"]
