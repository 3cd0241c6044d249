"""Creates the folders and files of a supervisor, closed to other users.

A job may put something else in the place of one of them; above all a link, which is never followed.
"""

import errno
import os
import stat
from typing import Final

Path = str | bytes
OWN: Final = 0o700
"""The mode of a folder that is closed to other users."""
FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
"""Flags to open a folder that a job may have replaced."""
FILE: Final = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
"""Flags to open a file that a job may have replaced. O_NONBLOCK: opening a named pipe must not block."""
_NO_FILE: Final = (errno.ELOOP, errno.ENXIO, errno.EEXIST)
"""Errors of opening a link, opening a named pipe without a reader, and of `open_file`."""


def make_folder(path: Path) -> None:
    """Make a folder and those above it. Tries before it checks: usually only the last one is missing."""
    try:
        os.mkdir(path, OWN)  # noqa: PTH102  no pathlib in the shim
    except FileExistsError:
        pass
    except FileNotFoundError:
        make_folder(os.path.dirname(path))  # noqa: PTH120
        make_folder(path)


def open_folder(path: Path) -> int:
    """An attempt's folder, created if missing; a link or a file in its place is removed."""
    try:
        return os.open(path, FOLDER)
    except FileNotFoundError:
        pass
    except PermissionError:
        own_folder(path)
        return os.open(path, FOLDER)
    except OSError:  # not a folder
        os.unlink(path)  # noqa: PTH108
    os.mkdir(path, OWN)  # noqa: PTH102
    return os.open(path, FOLDER)


def own_folder(path: Path, *, dir_fd: "int | None" = None) -> None:
    """Make a folder accessible to its owner. Raises OSError when it is missing, or a link.

    Through /proc/self/fd, because chmod(2) on a path would follow a link, and fchmod(2) refuses O_PATH.
    """
    handle = os.open(path, os.O_PATH | FOLDER, dir_fd=dir_fd)
    try:
        os.chmod(f"/proc/self/fd/{handle}", OWN)  # noqa: PTH101
    finally:
        os.close(handle)


def open_file(name: str, flags: int, *, folder: int) -> int:
    """Open a file of an attempt's folder.

    Raises OSError for anything but a regular file with one name: a second hard link might be a file outside.
    """
    handle = os.open(name, flags | FILE, 0o600, dir_fd=folder)
    about = os.fstat(handle)
    if stat.S_ISREG(about.st_mode) and about.st_nlink == 1:
        return handle
    os.close(handle)
    raise FileExistsError(errno.EEXIST, "it is not a file of its own", name)


def append_to(name: str, *, folder: int) -> int:
    """Open a file for appending. Anything else in its place is removed first."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    try:
        return open_file(name, flags, folder=folder)
    except OSError as problem:
        if problem.errno not in _NO_FILE:
            raise
    os.unlink(name, dir_fd=folder)
    return open_file(name, flags | os.O_EXCL, folder=folder)


def write_script(name: str, content: bytes, *, folder: int, mode: int = 0o600) -> None:
    """Write a new file in an attempt's folder, in the place of an old one.

    O_EXCL: not through a job's link.
    """
    try:
        os.unlink(name, dir_fd=folder)
    except FileNotFoundError:
        pass
    handle = open_file(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, folder=folder)
    try:
        write_all_at(handle, content, 0)
        if mode != 0o600:
            os.fchmod(handle, mode)
    finally:
        os.close(handle)


def write_all_at(handle: int, content: bytes, at: int) -> None:
    """Write everything at an offset; pwrite(2) may write a part only."""
    while content:
        done = os.pwrite(handle, content, at)
        content, at = content[done:], at + done


def sync_folder(path: Path) -> None:
    """Sync a folder: fsync(2) of a file does not write the file's name, which is in its folder."""
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
