"""Small programs that run in the process of a job. They import only the standard library."""

__all__ = ["call_function"]
