"""Output files that a user names, written for their owner."""

import errno
import os
from pathlib import Path
from typing import Final

MODE: Final = 0o644
"""The mode of a new file that others may read; the umask may remove rights, never let others write."""
FOLDER_MODE: Final = 0o755

SYSTEM_LINKS: Final = (("/", "dev"), ("/", "proc"))

_WRITE: Final = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC


def write_text(path: Path, text: str, *, may_replace: bool) -> None:
    """Write a file that others may read, never change; one that is there keeps its mode. Raises OSError.

    A link is not followed: a repository may hold one that leads to another file of the user. Only the
    system's own links are, as /dev/stdout.
    """
    handle = _opened(path, may_replace=may_replace)
    with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
        file.write(text)


def _opened(path: Path, *, may_replace: bool) -> int:
    if not may_replace:
        return os.open(path, _WRITE | os.O_EXCL, MODE)
    if path.is_symlink() and path.absolute().parts[:2] in SYSTEM_LINKS:
        return os.open(path, _WRITE, MODE)
    try:
        return os.open(path, _WRITE | os.O_NOFOLLOW | os.O_TRUNC, MODE)
    except OSError as error:
        if error.errno != errno.ELOOP:
            raise
        raise OSError(errno.ELOOP, "it is a link; name the file that it leads to", str(path)) from error


def make_folders(path: Path) -> None:
    """Make a folder and those above it, that others may read and never change."""
    for folder in (*reversed(path.parents), path):
        folder.mkdir(mode=FOLDER_MODE, exist_ok=True)
