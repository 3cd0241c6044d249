"""The engine's loops, one duty each; each is a function that does what is due and says when to come back."""

__all__ = [
    "clock_guard",
    "heartbeat",
    "housekeeper",
    "loop",
    "overseer",
    "quarantine",
    "rescuer",
    "scheduler",
    "watcher",
    "worker",
]
