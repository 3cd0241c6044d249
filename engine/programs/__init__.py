"""Small programs with which jobs are executed. They import the standard library only, nothing of jobfile."""

__all__ = ["call_function"]
