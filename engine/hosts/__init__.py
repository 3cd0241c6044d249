"""Executes the attempts that an engine has started: on this host, or on others."""

__all__ = [
    "carrier",
    "carriers",
    "cluster_row",
    "executor",
    "here",
    "hosting",
    "lead",
    "manifest",
    "manifests",
    "offers",
    "outputs",
    "sending",
    "settings",
    "shared_clock",
    "sweeping",
]
