"""The engine's requests to a supervisor: a file beside the attempt's evidence, each line with a seal."""

import contextlib
import os
import stat
import time
from pathlib import Path

from engine.host.keys import key_of
from engine.ports import Stop
from engine.supervisor.evidence import CONTROL, beside, wish_line
from engine.supervisor.namespace import FILE, write_all_at

CONTROL_BYTES = 4096
"""Maximum size in bytes; more than all requests together."""


def add_request(run_dir: Path, how: Stop, key: bytes) -> bool:
    """Add a request to those written before; returns whether it is there. Once is enough.

    Anything else in its place was put there by a job, and is removed.
    """
    control, own = beside(str(run_dir), CONTROL), key_of(str(run_dir), key)
    lines = {wish: wish_line(wish.value, own) for wish in Stop}
    known = _content(control)
    kept = [line for wish, line in lines.items() if wish is how or line in known.split(b"\n")]
    content = b"".join(line + b"\n" for line in kept)
    if content == known:
        return True
    try:
        remove(control)
        handle = os.open(control, os.O_WRONLY | os.O_CREAT | os.O_EXCL | FILE, 0o600)
        try:
            write_all_at(handle, content, 0)
        finally:
            os.close(handle)
    except OSError:
        return False
    return True


def _content(path: str) -> bytes:
    try:
        handle = os.open(path, os.O_RDONLY | FILE)
    except OSError:
        return b""
    try:
        is_file = stat.S_ISREG(os.fstat(handle).st_mode)
        return os.pread(handle, CONTROL_BYTES, 0) if is_file else b""
    except OSError:
        return b""
    finally:
        os.close(handle)


def remove(path: str) -> None:
    """Remove what is in its place; a folder is only renamed, until the run's files are deleted."""
    with contextlib.suppress(FileNotFoundError):
        try:
            os.unlink(path)  # noqa: PTH108  a path is not made for each look
        except (IsADirectoryError, PermissionError):
            os.rename(path, f"{path}.{time.monotonic_ns()}.away")  # noqa: PTH104
