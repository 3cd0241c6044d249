"""Writes a file atomically: an existing job file, whose mode and owner stay, or a private one."""

import contextlib
import os
import stat
import tempfile
from pathlib import Path

from engine.core.errors import JobfileError


def replace_file(path: Path, content: bytes) -> None:
    """Replace the content of a file. A concurrent reader gets the old or the new content, never a part.

    The mode stays. A file that is not writable is not replaced, and nothing is written through a link.
    """
    try:
        _refuse(path)
        _put(path, content, like=path.lstat())
    except OSError as error:
        raise JobfileError(f"cannot write {path}: {error.strerror or error}; it is as it was") from error


def write_private(path: Path, content: bytes) -> None:
    """Write a file that only its owner can read; one with that name is replaced."""
    try:
        _put(path, content, like=None)
    except OSError as error:
        raise JobfileError(f"cannot write {path}: {error.strerror or error}") from error


def write_open(path: Path, content: bytes) -> None:
    """Write a file that everyone can read; one with that name is replaced."""
    try:
        _put(path, content, like=None, mode=0o644)
    except OSError as error:
        raise JobfileError(f"cannot write {path}: {error.strerror or error}") from error


def _refuse(path: Path) -> None:
    if path.is_symlink():
        raise OSError(0, "it is a symbolic link")
    if not os.access(path, os.W_OK, effective_ids=True):
        raise PermissionError(0, "it is read-only")


def _put(path: Path, content: bytes, *, like: os.stat_result | None, mode: int | None = None) -> None:
    """Write beside the path, then rename. It gets the owner and mode of `like`, or `mode`, or is private."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            if like is not None:
                with contextlib.suppress(OSError):  # only the superuser may give files away, and needs to
                    os.fchown(handle, like.st_uid, like.st_gid)
                os.fchmod(handle, stat.S_IMODE(like.st_mode))
            if mode is not None:
                os.fchmod(handle, mode)
            os.fsync(handle)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
