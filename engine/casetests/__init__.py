"""Test cases in YAML beside the jobs: the input, the expected result, and the engine's result."""

__all__ = ["cases", "reporting", "suite"]
