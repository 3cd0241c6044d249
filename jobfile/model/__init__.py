"""Complete jobs: their values, canonical text and digest, and the catalog of all jobs of a set of files."""

__all__ = [
    "canonical",
    "catalog",
    "counts",
    "environment",
    "hashing",
    "jobs",
    "keys",
    "names",
    "requests",
    "size",
    "values",
]
