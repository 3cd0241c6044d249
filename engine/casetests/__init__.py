"""Cases in YAML beside the jobs: what is given, what is expected, and the engine's result."""

__all__ = ["cases", "reporting", "suite"]
