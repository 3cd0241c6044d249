"""What commands ask, as functions that return the answers: also for agents, through `jobfile mcp`."""

__all__ = [
    "did",
    "logs",
    "next",
    "pauses",
    "plan",
    "report",
    "requests",
    "retries",
    "runs",
    "show",
    "simulate",
    "stops",
    "waits",
    "why",
]
