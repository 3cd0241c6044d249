"""The kinds of action: how each becomes an order to start a process."""

__all__ = ["confining", "kind", "prepare", "registry", "unsupported"]
