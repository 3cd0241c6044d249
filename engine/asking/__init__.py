"""What a user asks, on the command line, on the page or over HTTP: about which place, job, run and time; and
what is done for it.
"""

__all__ = [
    "alone",
    "axes",
    "choosing",
    "did",
    "expressions",
    "findings",
    "logs",
    "naming",
    "next",
    "params",
    "pauses",
    "place",
    "plan",
    "report",
    "report_forms",
    "requested",
    "requests",
    "retries",
    "runs",
    "show",
    "simulate",
    "simulating",
    "stops",
    "times",
    "tokens",
    "waits",
    "which",
    "why",
]
