"""The processes that supervise attempts: they outlive the engine, and import only the standard library."""

__all__ = [
    "artifacts",
    "confinement",
    "emptying",
    "evidence",
    "groups",
    "leftovers",
    "masking",
    "namespace",
    "output",
    "outputs",
    "plain",
]
