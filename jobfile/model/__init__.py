"""Complete jobs: their values, canonical text and digest, and the catalog of all jobs of a set of files."""

__all__ = [
    "canonical",
    "catalog",
    "containers",
    "counts",
    "dataclass",
    "environment",
    "expectations",
    "hashing",
    "jobs",
    "keys",
    "labels",
    "name_patterns",
    "namedtuple",
    "names",
    "pinging",
    "regex",
    "requests",
    "size",
    "values",
    "webhooks",
]
