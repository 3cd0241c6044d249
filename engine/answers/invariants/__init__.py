"""What must hold of every ledger, whatever happened: each a function of a view, silent where it holds."""

__all__ = ["checking", "coverage"]
