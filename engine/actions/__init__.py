"""The kinds of action: how each becomes an order to start a process."""

__all__ = [
    "beyond_host",
    "confining",
    "containing",
    "expecting",
    "kind",
    "prepare",
    "registry",
    "removing",
    "unsupported",
]
