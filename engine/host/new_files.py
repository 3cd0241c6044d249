"""Writes new files below a folder, by names that a job has chosen."""

import contextlib
import errno
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

MODE: Final = 0o644
FOLDER_MODE: Final = 0o755
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def write_below(folder: Path, name: str, parts: Iterable[bytes]) -> None:
    """Write a new file; folders on the way are made. Raises OSError.

    Nothing is replaced, and below `folder` no link is followed. When `parts` raises, the file is deleted.
    """
    *above, last = _names(name)
    folder.mkdir(parents=True, exist_ok=True)
    here = os.open(folder, _FOLDER & ~os.O_NOFOLLOW)
    try:
        for one in above:
            with contextlib.suppress(FileExistsError):
                os.mkdir(one, FOLDER_MODE, dir_fd=here)
            inner = os.open(one, _FOLDER, dir_fd=here)
            os.close(here)
            here = inner
        _write(here, last, parts)
    finally:
        os.close(here)


def _names(name: str) -> list[str]:
    found = [one for one in name.split("/") if one]
    if not found or not {".", ".."}.isdisjoint(found):
        raise OSError(errno.EINVAL, "its name leads out of the folder")
    return found


def _write(folder: int, name: str, parts: Iterable[bytes]) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    handle = os.open(name, flags, MODE, dir_fd=folder)
    try:
        with os.fdopen(handle, "wb") as file:
            for part in parts:
                file.write(part)
    except BaseException:
        os.unlink(name, dir_fd=folder)
        raise
