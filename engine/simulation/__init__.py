"""Jobs under a virtual clock: the engine's own decisions, with lengths and failures assumed."""

__all__ = ["assuming", "comparing", "core", "drawing", "printing", "subject"]
