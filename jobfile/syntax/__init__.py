"""YAML text in, a tree of values with their places out; each syntax error in words."""
