"""What the engine asks of the machine: clock, locks, service manager, rights, files written whole."""

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
    "orphans",
    "ownership",
    "patience",
    "run_ids",
    "systemd",
    "wake",
]
