"""The pages: a module each, with the values of its template and its routes."""

__all__ = [
    "ask",
    "badge",
    "board",
    "changes",
    "job",
    "jobs",
    "run",
    "run_log",
    "run_now",
    "saved_plan",
    "signing_in",
    "system",
    "timeline",
    "today",
]
