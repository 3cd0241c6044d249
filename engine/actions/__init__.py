"""The kinds of action: how each becomes an order to start a process."""

__all__ = [
    "beyond_host",
    "command",
    "confining",
    "containing",
    "expecting",
    "http",
    "kind",
    "prepare",
    "registry",
    "removing",
    "unable",
    "unsupported",
]
