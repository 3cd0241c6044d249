"""Scans a watched folder: its regular files, with their numbers, sizes and times."""

import os
import stat
from collections.abc import Callable
from typing import Final

from engine.core.arrivals import FoundFile, Scan
from engine.host.mounts import Mount, mount_of, read_mounts
from engine.host.patience import NoAnswerError, NotYetError, ask
from jobfile.diagnostics.escapes import readable

MAX_FILES: Final = 100_000
"""Maximum number of entries of a watched folder, with the folders in it, that are read."""
MAX_DEPTH: Final = 32
"""Maximum number of folders within each other, the watched one included."""
_NETWORK: Final = "the kernel reports no changes that other machines make"

Entry = os.DirEntry[bytes]


def scan_folder(
    folder: str,
    *,
    is_recursive: bool,
    wants: Callable[[str], bool],
    left_alone: str = "",
    read: Callable[[], tuple[Mount, ...]] = read_mounts,
    most: int = MAX_FILES,
) -> Scan:
    """Read a folder. Links are not followed and do not count, nor do devices, pipes and sockets.

    The answer has only files whose name `wants` accepts. A folder with the path `left_alone` is not entered.
    """
    scanner = _Scanner(wants, is_recursive=is_recursive, left_alone=left_alone, mounts=read(), most=most)
    return scanner.scan(folder)


class _Scanner:
    """One scan: it stops at the limits, and notes what it leaves out."""

    def __init__(
        self,
        wants: Callable[[str], bool],
        *,
        is_recursive: bool,
        left_alone: str,
        mounts: tuple[Mount, ...],
        most: int,
    ) -> None:
        self._wants = wants
        self._is_recursive = is_recursive
        self._left_alone = left_alone
        self._all_mounts = mounts
        self._files: list[FoundFile] = []
        self._mounts: dict[str, str] = {}
        self._left_out = ""
        self._most = self._room = most

    def scan(self, folder: str) -> Scan:
        """Read the folder and, if asked, those in it."""
        try:
            real = os.path.realpath(folder)
            first = mount_of(real, self._all_mounts)
            folders = self._read(folder, first)
        except OSError as error:
            return Scan(trouble=_trouble(folder, error))
        depth = 1
        while folders and self._is_recursive and self._room > 0:
            depth += 1
            if depth > MAX_DEPTH:
                self._left_out = f"{folders[0]} is more than {MAX_DEPTH} folders deep"
                break
            folders = [below for one in folders for below in self._enter(one)]
        polled = f"{first.kind} at {first.point}: {_NETWORK}" if first.is_remote else ""
        return Scan(tuple(self._files), self._mounts, left_out=self._left_out, polled=polled)

    def _enter(self, folder: str) -> list[str]:
        """Read a folder inside; one that has gone meanwhile has no files."""
        real = os.path.realpath(folder)
        if real == self._left_alone:
            return []
        try:
            return self._read(folder, mount_of(real, self._all_mounts))
        except FileNotFoundError:
            return []
        except OSError as error:
            self._left_out = _trouble(folder, error)
            return []

    def _read(self, folder: str, mount: Mount) -> list[str]:
        """Read the files of one folder; return the folders in it."""
        inside, start, has_numbers = [], f"{folder.rstrip('/')}/", mount.keeps_numbers
        with os.scandir(os.fsencode(folder)) as entries:
            for entry in entries:
                self._room -= 1
                if self._room < 0:
                    self._left_out = f"{folder} and the folders in it have more than {self._most:,} entries"
                    return []
                name = os.fsdecode(entry.name)
                if self._is_recursive and entry.is_dir(follow_symlinks=False):
                    inside.append(start + name)
                elif self._wants(name) and (file := _file_of(entry, start + name, has_number=has_numbers)):
                    self._files.append(file)
        self._mounts[folder] = readable(mount.point)  # as the ledger stores it
        return inside


def _file_of(entry: Entry, path: str, *, has_number: bool) -> FoundFile | None:
    """The file of an entry, if it is a regular one and still there."""
    try:
        found = entry.stat(follow_symlinks=False)
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(found.st_mode):
        return None
    return FoundFile(path, found.st_ino if has_number else 0, found.st_size, found.st_mtime_ns)


def _trouble(folder: str, error: OSError) -> str:
    """Why a folder cannot be read, as a sentence without a subject that begins with its path."""
    if isinstance(error, FileNotFoundError):
        return f"{folder} does not exist"
    if isinstance(error, NotADirectoryError):
        return f"{folder} is not a folder"
    return f"{folder} cannot be read: {error.strerror or error}"


def find_gone(path: str) -> bool:
    """Whether nothing is at a path. If the system does not answer, or with an error, it may be there."""
    try:
        ask(f"the file {path}", lambda: os.lstat(path))
    except (FileNotFoundError, NotADirectoryError):
        return True
    except (OSError, NotYetError, NoAnswerError):
        return False
    return False
