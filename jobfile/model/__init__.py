"""What a complete job is: its values, its canonical text and digest, and all jobs of a set of files."""

__all__ = ["canonical", "catalog", "environment", "hashing", "jobs", "names", "size", "values"]
