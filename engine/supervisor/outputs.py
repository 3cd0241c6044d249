"""Keeps a copy of what a job wrote to its file of outputs, sealed and with its secrets masked.

The copy is a file beside the attempt's folder. It is on the disk before the end that mentions it is
recorded, so a power cut cannot remove outputs that an end promises.
"""

import os
import stat
from typing import Final

from engine.supervisor.evidence import OUTPUTS, beside, pack_outputs
from engine.supervisor.namespace import FILE, sync_folder, write_all_at
from engine.supervisor.storing import Filter

MAX_OUTPUT_BYTES: Final = 64 * 1024
"""Most bytes that an attempt may write to its file of outputs."""


def keep(source: str, folder: str, mask: Filter, key: bytes, *, uid: "int | None" = None) -> int:
    """Copy the file `source`, unless it is too large; returns its size in bytes, 0 when the job wrote none.

    With `uid`, only a file of that user counts: it could be a second name of a file that only we may read.
    Raises OSError when the copy cannot be written.
    """
    try:
        file = os.open(source, os.O_RDONLY | FILE)
    except OSError:
        return 0  # absent, or a link
    try:
        about = os.fstat(file)
        is_its_own = stat.S_ISREG(about.st_mode) and uid in (None, about.st_uid)
        text = os.pread(file, MAX_OUTPUT_BYTES + 1, 0) if is_its_own else b""
    finally:
        os.close(file)
    if len(text) > MAX_OUTPUT_BYTES:
        return max(len(text), about.st_size)
    if text:
        _write(beside(folder, OUTPUTS), pack_outputs(mask.feed(text) + mask.rest(), key))
    return len(text)


def _write(path: str, content: bytes) -> None:
    new = f"{path}.new"
    if os.path.lexists(new):
        os.unlink(new)  # noqa: PTH108  no pathlib in the shim
    file = os.open(new, os.O_CREAT | os.O_EXCL | os.O_WRONLY | FILE, 0o600)
    try:
        write_all_at(file, content, 0)
        os.fsync(file)
    finally:
        os.close(file)
    os.rename(new, path)  # noqa: PTH104  no pathlib in the shim
    sync_folder(os.path.dirname(path))  # noqa: PTH120  no pathlib in the shim
