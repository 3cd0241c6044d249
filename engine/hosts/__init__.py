"""Executes the attempts that an engine has started: on this host, or on others."""

__all__ = [
    "carriers",
    "executor",
    "here",
    "hosting",
    "lead",
    "offers",
    "outputs",
    "settings",
    "shared_clock",
    "sweeping",
]
