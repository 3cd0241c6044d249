"""Templates: their expressions, types, params and what each may read."""
