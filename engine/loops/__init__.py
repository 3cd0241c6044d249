"""The engine's loops, one for each duty: a function that does what is due, and
returns when to call it again.
"""

__all__ = [
    "clock_guard",
    "heartbeat",
    "housekeeper",
    "late_watch",
    "loop",
    "overseer",
    "quarantine",
    "rescuer",
    "scheduler",
    "watcher",
    "worker",
]
