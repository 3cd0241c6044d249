"""A main file, its includes, defaults, overrides and matrices as one set of jobs."""
