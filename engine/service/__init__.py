"""The engine, and `jobfile run` without one: which part meets which, and the order of start and stop."""

__all__ = ["duties", "engine", "session", "single"]
