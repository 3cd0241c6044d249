"""Submit runs from Python programs. `jobfile.client` is its public name."""

__all__ = ["api", "errors", "http", "kubernetes", "ledger", "remote", "server", "submitted"]
