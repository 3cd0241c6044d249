"""Reading a job file, and no more of it than the language allows."""

import os
from pathlib import Path

from jobfile.document import MAX_FILE_BYTES


def read_limited(path: Path) -> bytes:
    """A file's bytes, at most one more than allowed: enough to know that it is too large.

    O_NONBLOCK because opening a pipe that is named like a job file must not hang.
    """
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(handle, "rb") as file:
        return file.read(MAX_FILE_BYTES + 1)
