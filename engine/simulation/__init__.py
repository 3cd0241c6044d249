"""Simulates jobs under a virtual clock: with the engine's own decisions, and assumed lengths and failures."""

__all__ = ["assuming", "comparing", "core", "drawing", "printing", "subject"]
