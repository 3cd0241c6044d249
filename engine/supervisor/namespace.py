"""Folders and files that a supervisor makes, closed to others.

What a job put in the place of one of them, a link above all, is never followed.
"""

import errno
import os
import stat
from typing import Final

Path = str | bytes
OWN: Final = 0o700
"""The rights of a folder that is closed to others."""
FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
"""How a folder is opened that may have been replaced."""
FILE: Final = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
"""How a file is opened that may have been replaced: a named pipe must not hold anybody up."""
_NO_FILE: Final = (errno.ELOOP, errno.ENXIO, errno.EEXIST)
"""What opening a link, a named pipe that nobody reads, and `open_file` say."""


def make_folder(path: Path) -> None:
    """Make a folder and those above it, asking for nothing first: most often only the last is missing."""
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
    except OSError:  # it is none
        os.unlink(path)  # noqa: PTH108
    os.mkdir(path, OWN)  # noqa: PTH102
    return os.open(path, FOLDER)


def own_folder(path: Path, *, dir_fd: "int | None" = None) -> None:
    """Give a folder its rights back, whatever they are. Raises OSError where there is none, or a link."""
    handle = os.open(path, os.O_PATH | FOLDER, dir_fd=dir_fd)
    try:
        os.chmod(f"/proc/self/fd/{handle}", OWN)  # noqa: PTH101
    finally:
        os.close(handle)


def open_file(name: str, flags: int, *, folder: int) -> int:
    """A file of an attempt's folder. Raises OSError for what is no plain file with this one name."""
    handle = os.open(name, flags | FILE, 0o600, dir_fd=folder)
    about = os.fstat(handle)
    if stat.S_ISREG(about.st_mode) and about.st_nlink == 1:
        return handle
    os.close(handle)
    raise FileExistsError(errno.EEXIST, "it is not a file of its own", name)


def append_to(name: str, *, folder: int) -> int:
    """A file for appending. Anything else in its place is removed first."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    try:
        return open_file(name, flags, folder=folder)
    except OSError as problem:
        if problem.errno not in _NO_FILE:
            raise
    os.unlink(name, dir_fd=folder)
    return open_file(name, flags | os.O_EXCL, folder=folder)


def write_new(path: Path, content: bytes) -> None:
    """Write a new file."""
    handle = os.open(path, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600)
    try:
        write_all_at(handle, content, 0)
    finally:
        os.close(handle)


def write_script(name: str, content: bytes, *, folder: int) -> None:
    """Write a file that nobody else has made, in an attempt's folder."""
    try:
        os.unlink(name, dir_fd=folder)
    except FileNotFoundError:
        pass
    handle = open_file(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, folder=folder)
    try:
        write_all_at(handle, content, 0)
    finally:
        os.close(handle)


def write_all_at(handle: int, content: bytes, at: int) -> None:
    """Write all of it at a place in a file, however many calls that takes."""
    while content:
        done = os.pwrite(handle, content, at)
        content, at = content[done:], at + done


def sync_folder(path: Path) -> None:
    """Names in a folder reach the disk with the folder, not with what they name: fsync(2)."""
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
