"""Templates: expressions, types, params, and the names that each place may read."""

__all__ = ["expression", "filters", "params", "patterns", "scopes", "template"]
