"""Watches the folders of job files for changes."""

import logging
import threading
from collections.abc import Callable
from pathlib import Path

from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver

# A watch is a hint: errors of watchdog while one is being removed do not matter.
logging.getLogger("watchdog").addHandler(logging.NullHandler())


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
