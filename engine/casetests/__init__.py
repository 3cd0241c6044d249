"""Cases in YAML beside the jobs: what is given, what is expected, and what the engine makes of it."""

__all__ = ["cases", "judging", "reading", "reporting"]
