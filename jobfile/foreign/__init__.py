"""Names files of other tools, and writes their first job as a job file."""

__all__ = ["recogniser"]
