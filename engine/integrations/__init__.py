"""External programs that jobfile talks to: editors, forges and collectors of traces."""

__all__ = ["forge", "lsp", "otel"]
