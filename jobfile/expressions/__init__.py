"""Templates: their expressions, types, params and what each may read."""

__all__ = ["expression", "filters", "params", "patterns", "scopes", "template"]
