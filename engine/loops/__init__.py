"""The engine's loops, one for each duty: a function that does what is due, and
returns when to call it again.
"""

__all__ = [
    "arrivals",
    "clock_guard",
    "digester",
    "follower",
    "heartbeat",
    "housekeeper",
    "late_watch",
    "loop",
    "outside_watch",
    "overseer",
    "pace",
    "quarantine",
    "rescuer",
    "scheduler",
    "sender",
    "watcher",
    "worker",
]
