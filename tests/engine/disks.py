"""A mounted file system that never answers, like a network share whose server is down. Needs root."""

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_DETACHED = 2


@contextmanager
def dead_disk(folder: Path) -> Iterator[Path]:
    """Mount it at a new folder. At the end of the block, all calls that wait for it fail."""
    folder.mkdir()
    libc = ctypes.CDLL(None, use_errno=True)
    server = os.open("/dev/fuse", os.O_RDWR)
    options = f"fd={server},rootmode=40000,user_id=0,group_id=0".encode()
    assert libc.mount(b"dead", bytes(folder), b"fuse", 0, options) == 0, os.strerror(ctypes.get_errno())
    try:
        yield folder
    finally:
        os.close(server)
        libc.umount2(bytes(folder), _DETACHED)
