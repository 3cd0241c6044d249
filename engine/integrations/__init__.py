"""Programs of others that jobfile talks to: editors and forges."""

__all__ = ["forge", "lsp"]
