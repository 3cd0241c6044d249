"""Files that a person names beside the job files, written for their owner."""

import os
from pathlib import Path
from typing import Final

MODE: Final = 0o644
"""Of a new file that others may read; the umask takes away more, and no umask lets others write."""
FOLDER_MODE: Final = 0o755

_WRITE: Final = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC


def write_text(path: Path, text: str, *, may_replace: bool) -> None:
    """Write a file that others may read, never change; one that is there keeps its mode. Raises OSError."""
    handle = os.open(path, _WRITE | (os.O_TRUNC if may_replace else os.O_EXCL), MODE)
    with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
        file.write(text)


def make_folders(path: Path) -> None:
    """Make a folder and those above it, that others may read and never change."""
    for folder in (*reversed(path.parents), path):
        folder.mkdir(mode=FOLDER_MODE, exist_ok=True)
