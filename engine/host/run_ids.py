"""Makes ids of runs: 128 random bits. So no text of a user is ever part of a path."""

import os


def new_run_id() -> str:
    """A unique id of 32 hexadecimal digits."""
    return os.urandom(16).hex()
