"""A mounted file system that answers nothing, as a share whose server is gone. It takes root."""

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_DETACHED = 2


@contextmanager
def dead_disk(folder: Path) -> Iterator[Path]:
    """Mounted at a new folder. When it goes, every question about it is answered with an error."""
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
