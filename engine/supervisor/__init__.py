"""The processes that supervise attempts: they outlive the engine, and import only the standard library."""

__all__ = ["artifacts", "emptying", "evidence", "leftovers", "namespace", "output", "outputs", "plain"]
