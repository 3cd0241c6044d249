"""The ids of runs: 128 random bits. Nothing that a user wrote is ever part of a path."""

import os


def new_run_id() -> str:
    """An id that no other run has, as 32 hexadecimal digits."""
    return os.urandom(16).hex()
