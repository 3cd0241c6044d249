"""The answers that take long with thousands of jobs, and the process beside the server that computes them.

A request waits for no computation of another one: threads of a process share Python's lock.
"""

__all__ = ["computer", "day", "first", "jobs", "last_day", "question", "upkeep", "window"]
