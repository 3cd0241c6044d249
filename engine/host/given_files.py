"""Writes output files that a user names."""

import errno
import os
from pathlib import Path
from typing import Final

from engine.core.errors import JobfileError

MODE: Final = 0o644
"""The mode of a new file: others may read it. A umask can only remove rights."""
FOLDER_MODE: Final = 0o755

SYSTEM_LINKS: Final = (("/", "dev"), ("/", "proc"))

_WRITE: Final = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC


def write_text(path: Path, text: str, *, may_replace: bool) -> None:
    """Write a file that others may read but not change; an existing file keeps its mode. Raises OSError.

    A link is not followed: a repository may contain one to another file of the user. The system's own links,
    such as /dev/stdout, are.
    """
    handle = _opened(path, may_replace=may_replace)
    with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
        file.write(text)


def write_output(name: str, text: str) -> None:
    """Write a file that a user named for output. Raises JobfileError."""
    try:
        write_text(Path(name), text, may_replace=True)
    except OSError as error:
        raise JobfileError(f"cannot write {name}: {error.strerror or error}") from error


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
    """Make a folder and those above it; others may read but not change them."""
    for folder in (*reversed(path.parents), path):
        folder.mkdir(mode=FOLDER_MODE, exist_ok=True)
