"""Runs that a command waits for: a file for each run of a foreground command, locked for its life.

A killed command cannot withdraw its request. But its lock is released, so an engine can see that nothing
waits for the run any more.
"""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from engine.host.ownership import open_own

FOLDER = "asked"


class Attendance:
    """The lock of one command on one run, held until `leave` or the end of the process."""

    def __init__(self, path: Path, handle: int) -> None:
        """Keep a file that is locked already."""
        self._path = path
        self._handle = handle

    @classmethod
    def begin(cls, state_dir: Path, run_id: str) -> "Attendance":
        """Note that this process waits for a run. Call it before the run is recorded."""
        folder = state_dir / FOLDER
        with contextlib.suppress(FileExistsError):
            folder.mkdir(mode=0o700)
            folder.chmod(0o700)
        path = folder / run_id
        handle = open_own(path, os.O_RDWR | os.O_CREAT)
        os.fchmod(handle, 0o600)
        fcntl.flock(handle, fcntl.LOCK_EX)
        return cls(path, handle)

    def leave(self) -> None:
        """Stop waiting: the run is over, or continues without this command."""
        if self._handle >= 0:
            self._path.unlink(missing_ok=True)
            os.close(self._handle)
            self._handle = -1


def is_abandoned(state_dir: Path, run_id: str) -> bool:
    """Whether a foreground command requested the run and is gone. False for a run that was handed over."""
    path = state_dir / FOLDER / run_id
    try:
        handle = open_own(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(handle)
    return True


def is_attended(state_dir: Path, run_id: str) -> bool:
    """Whether a foreground command still waits for its run."""
    return (state_dir / FOLDER / run_id).exists() and not is_abandoned(state_dir, run_id)


def forget(state_dir: Path, run_id: str) -> None:
    """Remove the file of a command that is gone."""
    with contextlib.suppress(OSError):
        (state_dir / FOLDER / run_id).unlink(missing_ok=True)


def abandoned(state_dir: Path) -> Iterator[str]:
    """The runs whose commands are gone."""
    with contextlib.suppress(OSError):
        for path in sorted((state_dir / FOLDER).iterdir()):
            if path.name.isascii() and is_abandoned(state_dir, path.name):
                yield path.name
