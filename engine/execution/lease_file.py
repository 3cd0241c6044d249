"""The end of an attempt's lease, which each renewal moves: one line with a seal, beside the evidence.

Its reader is the supervisor: engine/supervisor/leasing.py.
"""

import errno
import os
import stat
from pathlib import Path

from engine.execution.stop_requests import remove
from engine.host.keys import key_of
from engine.supervisor.evidence import LEASE, LEASE_BYTES, beside, lease_in, lease_line
from engine.supervisor.namespace import FILE

_NOT_OURS = (errno.ELOOP, errno.ENXIO, errno.EISDIR, errno.EACCES, errno.EEXIST)
"""Errors of opening a link, a named pipe or a socket, a folder, a locked file, and one that came just now."""


def write_end(run_dir: Path, until: float, *, boot_id: str, key: bytes) -> bool:
    """Write when a lease ends, in seconds since boot; returns whether that, or a later end, is written now.

    Each line replaces the one before, in one write: they have the same length. Anything that is not a
    file of ours was put there by a job, and is removed: a file with a second link, for instance.
    """
    name, until_us = str(run_dir), int(until * 1_000_000)
    own, path = key_of(name, key), beside(name, LEASE)
    try:
        for flags in (os.O_CREAT, os.O_CREAT | os.O_EXCL):
            handle = _open(path, flags)
            if handle < 0:
                continue
            try:
                is_later = lease_in(os.pread(handle, LEASE_BYTES, 0), boot_id, own) >= until_us
                return is_later or os.pwrite(handle, lease_line(until_us, boot_id, own), 0) == LEASE_BYTES
            finally:
                os.close(handle)
    except OSError:
        pass
    return False


def _open(path: str, flags: int) -> int:
    """Open the file; -1, after removing it, when something that is not a file of ours is in its place.

    Raises OSError when the folder of its run is not made yet, for instance.
    """
    try:
        handle = os.open(path, os.O_RDWR | flags | FILE, 0o600)
    except OSError as problem:
        if problem.errno not in _NOT_OURS:
            raise
    else:
        about = os.fstat(handle)
        if stat.S_ISREG(about.st_mode) and about.st_nlink == 1 and about.st_size in (0, LEASE_BYTES):
            return handle
        os.close(handle)
    remove(path)
    return -1
