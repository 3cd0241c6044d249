"""Replaces the content of an existing job file atomically; its mode and owner stay."""

import contextlib
import os
import stat
import tempfile
from pathlib import Path

from engine.core.errors import JobfileError


def replace_file(path: Path, content: bytes) -> None:
    """Put new content in a file. A concurrent reader gets the old or the new content, never a part.

    The mode stays. A file that is not writable is not replaced, and nothing is written through a link.
    """
    try:
        _refuse(path)
        _replace(path, content)
    except OSError as error:
        raise JobfileError(f"cannot write {path}: {error.strerror or error}; it is as it was") from error


def _refuse(path: Path) -> None:
    if path.is_symlink():
        raise OSError(0, "it is a symbolic link")
    if not os.access(path, os.W_OK, effective_ids=True):
        raise PermissionError(0, "it is read-only")


def _replace(path: Path, content: bytes) -> None:
    status = path.lstat()
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            with contextlib.suppress(OSError):  # only the superuser may give files away, and needs to
                os.fchown(handle, status.st_uid, status.st_gid)
            os.fchmod(handle, stat.S_IMODE(status.st_mode))
            os.fsync(handle)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
