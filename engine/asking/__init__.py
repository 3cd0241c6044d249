"""What a user asks, on the command line, on the page or over HTTP: about which place, job, run and time; and
what is done for it.
"""

__all__ = [
    "actions",
    "axes",
    "choosing",
    "naming",
    "params",
    "place",
    "questions",
    "requests",
    "times",
    "tokens",
    "which",
]
