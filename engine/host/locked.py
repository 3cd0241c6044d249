"""Finds out whether anything holds the lock of a state folder. Most commands need no more: who holds it is in
lock.py, which takes longer to import.
"""

import fcntl
import os
from pathlib import Path

from engine.host.ownership import LOCKS, open_own

LOCK = "engine.lock"


def lock_files(state_dir: Path) -> list[Path]:
    """The files of which an engine holds one."""
    return [state_dir / LOCK, *(state_dir / f"{LOCK}.{number}" for number in range(1, LOCKS))]


def is_locked(state_dir: Path) -> bool:
    """Whether a process holds one of these files, be it an engine or not."""
    return any(map(_is_held, lock_files(state_dir)))


def _is_held(path: Path) -> bool:
    try:
        handle = open_own(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(handle)
    return False
