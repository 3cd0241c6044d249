"""Executes the attempts that an engine has started: on this host, or on others."""

__all__ = [
    "carriers",
    "cluster_row",
    "executor",
    "here",
    "hosting",
    "lead",
    "manifest",
    "manifests",
    "offers",
    "settings",
    "shared_clock",
    "sweeping",
]
