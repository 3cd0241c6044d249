"""External programs that jobfile talks to: editors and forges."""

__all__ = ["forge", "lsp"]
