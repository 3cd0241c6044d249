"""A main file, its includes, defaults, overrides and matrices as one set of jobs."""

__all__ = [
    "declarations",
    "digests",
    "fileset",
    "following",
    "include",
    "matrix",
    "merged_settings",
    "overrides",
]
