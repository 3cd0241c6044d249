"""The engine, and `jobfile run` without one: the wiring of the parts, and the order of start and stop."""

__all__ = [
    "attempt",
    "duties",
    "engine",
    "hosting",
    "kept",
    "leading",
    "listing",
    "metrics",
    "outside_watch",
    "presence",
    "sending",
    "session",
    "single",
    "status",
    "tracing",
]
