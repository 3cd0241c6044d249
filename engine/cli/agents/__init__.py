"""The tools of `jobfile mcp`: each asks what a command asks, and returns what it prints as JSON."""

__all__ = ["acting", "attending", "registry"]
