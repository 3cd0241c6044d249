"""The processes that supervise attempts: they outlive the engine, and import only the standard library."""

__all__ = [
    "confinement",
    "emptying",
    "evidence",
    "groups",
    "leftovers",
    "namespace",
    "output",
    "outputs",
    "plain",
]
