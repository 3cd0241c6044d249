"""The pages: a module each, with the values of its template and its routes."""

__all__ = [
    "ask",
    "badge",
    "board",
    "job",
    "jobs",
    "run",
    "run_log",
    "run_now",
    "signing_in",
    "timeline",
    "today",
]
