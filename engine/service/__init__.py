"""The engine, and `jobfile run` without one: the wiring of the parts, and the order of start and stop."""

__all__ = [
    "duties",
    "engine",
    "listing",
    "metrics",
    "outside_watch",
    "page_server",
    "presence",
    "session",
    "single",
    "status",
    "tracing",
]
