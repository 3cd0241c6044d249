"""The job files on disk: reading them, watching them for changes, and the commit they are at."""

import logging
import os
import re
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver

from engine.host.ownership import file_troubles, unsafe_text
from engine.ports import Snapshot
from engine.sources.file_reader import read_job_files, read_limited

# A watch is a hint: errors of watchdog while one is being removed do not matter.
logging.getLogger("watchdog").addHandler(logging.NullHandler())

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


class FolderWatch(FileSystemEventHandler):
    """Reports changes in a folder. A hint: it may be late, doubled or missing."""

    def __init__(self, folder: Path, on_change: Callable[[], None]) -> None:
        """Watch nothing yet."""
        self._folders = frozenset({folder})
        self._on_change = on_change
        self._observer: BaseObserver | None = None
        self._lock = threading.Lock()

    def start(self) -> None:
        """Watch the folder. If that fails (no folder, no watches left), only the
        regular poll sees changes.
        """
        with self._lock:
            try:
                observer = Observer()
            except OSError:
                return
            try:
                for folder in self._folders:
                    observer.schedule(self, str(folder), recursive=False)
                observer.start()
            except OSError:
                observer.stop()  # or its descriptors stay open, and a machine has few of them
                return
            self._observer = observer

    def stop(self) -> None:
        """Stop watching."""
        with self._lock:
            if self._observer is not None:
                self._observer.stop()
                self._observer.join()
                self._observer = None

    def restart(self) -> None:
        """Watch again: a folder that was deleted and created again has lost its watch."""
        self.stop()
        self.start()

    def follow(self, folders: frozenset[Path]) -> None:
        """Watch these folders from now on, if they differ: an include was added or removed."""
        if folders != self._folders:
            is_watching = self._observer is not None
            self._folders = folders
            if is_watching:
                self.restart()

    def on_any_event(self, event: FileSystemEvent) -> None:
        """Called by watchdog, which also reports when a file is only read; such events are ignored."""
        if event.event_type not in ("opened", "closed_no_write"):
            self._on_change()


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
