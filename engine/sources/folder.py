"""The job files on disk: reading them, and the commit they are at."""

import os
import re
from pathlib import Path
from typing import Final

from engine.host.ownership import file_troubles, unsafe_text
from engine.ports import Snapshot
from engine.sources.file_reader import read_job_files, read_limited

ADVICE = "name the job file with -f, or make one with  jobfile init"

MAX_REF_BYTES: Final = 4096
MAX_PACKED_BYTES: Final = 64 * 1024 * 1024
"""Maximum size of git's file `packed-refs`, in bytes; it contains all refs without a file of their own."""
_COMMIT: Final = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")


class FolderTree:
    """The main file and the files it includes, in its folder."""

    def __init__(self, main_file: Path, *, is_strict: bool = False) -> None:
        """Name the main file; nothing is read yet. With `is_strict` files that others could change count as
        unreadable: for commands that put them in force, or run them.
        """
        self.main_file = main_file
        self._is_strict = is_strict
        self.folders = frozenset({main_file.absolute().parent})

    def snapshot(self) -> Snapshot:
        """Read the files now."""
        name = str(self.main_file)
        try:
            found = read_job_files(self.main_file)
        except OSError as error:
            failed = error.filename or name
            problem = f"cannot read {failed}: {error.strerror or error}"
            return Snapshot(
                files=(), problem=problem, advice="" if os.path.lexists(self.main_file) else ADVICE
            )
        if self._is_strict:
            unsafe = next(file_troubles(Path(file) for file, _ in found.files), None)
            if unsafe is not None:
                return Snapshot(files=(), problem=unsafe_text(unsafe))
        folder = self.main_file.absolute().parent
        self.folders = frozenset({folder, *(Path(file).absolute().parent for file, _ in found.files)})
        return Snapshot(files=found.files, outside=found.outside, revision=revision_of(folder))


def revision_of(folder: Path) -> str:
    """The current commit of the folder's repository, or "". Reads git's files; starts no process."""
    for parent in (folder, *folder.parents):
        git = parent / ".git"
        if git.is_dir():
            return _head(git)
    return ""


def _head(git: Path) -> str:
    """Any user may have written this file: only a valid commit name is used."""
    try:
        head = _line_of(git / "HEAD")
        if not head.startswith("ref: "):
            return _as_commit(head)
        name = head.removeprefix("ref: ")
        if not name.startswith("refs/") or ".." in name:
            return ""
        if (git / name).is_file():
            return _as_commit(_line_of(git / name))
        packed = read_limited(git / "packed-refs", most=MAX_PACKED_BYTES).decode()
        line = next((line for line in packed.splitlines() if line.endswith(f" {name}")), "")
        return _as_commit(line.partition(" ")[0])
    except (OSError, UnicodeDecodeError):
        return ""


def _line_of(path: Path) -> str:
    return read_limited(path, most=MAX_REF_BYTES).decode().strip()


def _as_commit(text: str) -> str:
    return text if _COMMIT.fullmatch(text) else ""
