"""The engine's access to the machine: clock, locks, service manager, rights, atomic writes."""

__all__ = [
    "atomic_write",
    "clock",
    "console",
    "encoding",
    "environment",
    "given_files",
    "hardening",
    "high_water_mark",
    "holders",
    "keys",
    "lock",
    "machine",
    "memory_release",
    "new_files",
    "orphans",
    "ownership",
    "patience",
    "run_ids",
    "systemd",
    "wake",
]
