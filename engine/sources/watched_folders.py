"""Watches folders for files: reports of the kernel, and scans that no folder can hold up for the others."""

import contextlib
import logging
import os
import threading
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver, ObservedWatch

from engine.core.arrivals import UNKNOWN, Hint, Scan, Trace
from engine.ports import WatchedFolder
from engine.sources.file_scan import scan_folder

ANSWER_SECONDS: Final = 0.1
"""How long a call waits for a scan. A scan of a share that does not answer stays in its thread."""
MAX_TRACES: Final = 100_000
"""Maximum number of paths of a folder whose reports are kept; beyond that all are forgotten."""
_HINTS: Final = {
    "created": Hint.CREATED,
    "opened": Hint.OPENED,
    "modified": Hint.WRITTEN,
    "closed": Hint.CLOSED,
    "closed_no_write": Hint.READ,
}
"""What the reports of watchdog mean; `moved` is apart, because it has two paths."""
_REASONS_TO_LOOK: Final = frozenset({"created", "closed", "moved", "deleted", "attrib"})
"""The reports after which a scan can find something: a file that is still written is not complete."""


class WatchedFolders:
    """The folders that file triggers watch. Its methods are called from one thread."""

    def __init__(
        self,
        *,
        on_change: Callable[[], None],
        left_alone: str = "",
        make_observer: Callable[[], BaseObserver] | None = None,
        scan: Callable[[WatchedFolder, Callable[[str], bool]], Scan] | None = None,
    ) -> None:
        """Watch nothing yet. `on_change` is called, from any thread, when `changed` has something.

        The folder `left_alone` is never entered: the state folder.
        """
        self._make_observer = make_observer or _make_observer
        self._scan_folder = scan or self._scan_now
        self._on_change = on_change
        self._left_alone = left_alone
        self._reports: dict[WatchedFolder, _Reports] = {}
        self._scans: dict[WatchedFolder, _Scanning] = {}
        self._observer: BaseObserver | None = None
        self._warnings = _Warnings(self._lose_all)
        logging.getLogger("watchdog").addHandler(self._warnings)

    def follow(self, wanted: frozenset[WatchedFolder]) -> None:
        self._scans.clear()  # they may look for other names
        for watched in self._reports.keys() - wanted:
            self._reports.pop(watched).end()
        for watched in wanted - self._reports.keys():
            self._reports[watched] = _Reports(watched, self._observing, self._on_change, self._left_alone)

    def changed(self) -> frozenset[WatchedFolder]:
        return frozenset(watched for watched, one in self._reports.items() if one.take_change())

    def is_replaced(self, watched: WatchedFolder) -> bool:
        return self._reports[watched].is_replaced()

    def scan(self, watched: WatchedFolder, wants: Callable[[str], bool]) -> Scan | None:
        running = self._scans.get(watched)
        if running is None:
            running = self._scans[watched] = _Scanning(
                self._reports[watched], lambda: self._scan_folder(watched, wants), self._on_change
            )
        if not running.has_ended(ANSWER_SECONDS):
            return None
        del self._scans[watched]
        return running.scan()

    def traces(self, watched: WatchedFolder) -> Mapping[str, Trace]:
        return self._reports[watched].traces()

    def close(self) -> None:
        """Watch nothing any more."""
        logging.getLogger("watchdog").removeHandler(self._warnings)
        if self._observer is not None:
            self._observer.stop()
            self._observer.join()

    def _observing(self) -> BaseObserver:
        """The observer, started when it is needed first. Raises OSError if the kernel has no room for one."""
        if self._observer is None:
            observer = self._make_observer()
            observer.start()
            self._observer = observer
        return self._observer

    def _scan_now(self, watched: WatchedFolder, wants: Callable[[str], bool]) -> Scan:
        return scan_folder(
            watched.path, is_recursive=watched.is_recursive, wants=wants, left_alone=self._left_alone
        )

    def _lose_all(self) -> None:
        """Reports may have been lost, as when the kernel's queue is full: look everywhere."""
        for one in tuple(self._reports.values()):
            one.lose()
        self._on_change()


def _make_observer() -> BaseObserver:
    """An observer that reports a file that was moved here differently from one that was created."""
    # Of folders that are made one in the other, it may find one twice; it then warns, and watches it once.
    warnings.filterwarnings("ignore", "Callback with id", RuntimeWarning, "watchdog")
    make: Callable[..., BaseObserver] = Observer
    try:
        return make(generate_full_events=True)
    except TypeError:  # not inotify: there, nothing is known about the way in which a file arrived
        return make()


class _Warnings(logging.Handler):
    """Watchdog reports lost events only in its log."""

    def __init__(self, on_warning: Callable[[], None]) -> None:
        super().__init__(level=logging.WARNING)
        self._on_warning = on_warning

    def emit(self, record: logging.LogRecord) -> None:  # noqa: ARG002  the interface's signature
        self._on_warning()


class _Reports(FileSystemEventHandler):
    """The kernel's reports about one folder."""

    def __init__(
        self,
        watched: WatchedFolder,
        observing: Callable[[], BaseObserver],
        on_change: Callable[[], None],
        left_alone: str,
    ) -> None:
        self.watched = watched
        self._left_alone = os.fsencode(left_alone)
        self._has_ended = False
        self._observing = observing
        self._on_change = on_change
        self._lock = threading.Lock()
        self._traces: dict[str, Trace] = {}
        self._has_change = False
        self._watch: ObservedWatch | None = None
        self._folder: tuple[int, int] | None = None
        """The folder that is watched: a name may mean another one later."""

    def watch(self) -> str:
        """Watch the folder that has the name now; return why that is not possible, or ''."""
        folder = _id_of(self.watched.path)
        if folder == self._folder or self._has_ended:
            return ""
        self.stop()
        if folder is None:
            return ""  # the scan says it
        try:
            path = os.fsencode(os.path.realpath(self.watched.path))
            self._watch = self._observing().schedule(self, path, recursive=self.watched.is_recursive)  # type: ignore[arg-type]  # bytes are allowed, and keep each name
        except OSError as error:
            return f"no reports of changes: {error.strerror or error}"
        self._folder = folder
        return ""

    def is_replaced(self) -> bool:
        """Whether the folder that is watched has the name no more."""
        return self._folder is not None and self._folder != _id_of(self.watched.path)

    def stop(self) -> None:
        """Watch no more."""
        if self._watch is not None:
            with contextlib.suppress(KeyError, OSError):  # it ended by itself when its folder was deleted
                self._observing().unschedule(self._watch)
        self._watch = self._folder = None
        with self._lock:
            self._traces.clear()

    def end(self) -> None:
        """Watch no more, and never again: a scan may still be at work."""
        self._has_ended = True
        self.stop()

    def take_change(self) -> bool:
        """Whether there was a report since the last call."""
        with self._lock:
            had, self._has_change = self._has_change, False
        return had

    def lose(self) -> None:
        """Forget what is known: reports were lost."""
        with self._lock:
            self._traces.clear()
            self._has_change = True

    def traces(self) -> Mapping[str, Trace]:
        """What is known of each path."""
        with self._lock:
            return dict(self._traces)

    def keep_only(self, paths: set[str], before: Mapping[str, Trace]) -> None:
        """Forget what was known `before` a scan of paths that it did not find."""
        with self._lock:
            for path in before.keys() - paths:
                if self._traces.get(path) == before[path]:
                    del self._traces[path]

    def on_any_event(self, event: FileSystemEvent) -> None:
        """Called by watchdog, in a thread of its own."""
        kind = event.event_type
        if self._left_alone and self._left_alone in (os.fsencode(event.src_path) + b"/"):
            return  # the engine's own files, if the state folder is below this one
        with self._lock:
            if not event.is_directory:
                self._trace(kind, self._path(event.src_path), self._path(event.dest_path))
            is_news = kind in _REASONS_TO_LOOK
            self._has_change = self._has_change or is_news
        if is_news:
            self._on_change()

    def _trace(self, kind: str, path: str, target: str) -> None:
        if kind == "moved":
            before = self._traces.pop(path, UNKNOWN)
            if target:
                self._traces[target] = before.after(Hint.MOVED)
        elif kind == "deleted":
            self._traces.pop(path, None)
        elif kind in _HINTS:
            self._traces[path] = self._traces.get(path, UNKNOWN).after(_HINTS[kind])
        if len(self._traces) > MAX_TRACES:
            self._traces.clear()

    def _path(self, reported: bytes | str) -> str:
        """A reported path by the name that the folder has in the job file, which may be a link."""
        path = os.fsdecode(reported)
        real = "" if self._watch is None else os.fsdecode(self._watch.path)
        return self.watched.path + path.removeprefix(real) if real and path.startswith(real) else path


def _id_of(folder: str) -> tuple[int, int] | None:
    """The numbers of a folder, which no other has, whatever its name is; None if it cannot be found."""
    try:
        about = Path(folder).stat()
    except OSError:
        return None
    return about.st_dev, about.st_ino


class _Scanning:
    """One scan, in a thread of its own."""

    def __init__(
        self,
        reports: _Reports,
        scan_folder: Callable[[], Scan],
        on_end: Callable[[], None],
    ) -> None:
        self._reports = reports
        self._scan_folder = scan_folder
        self._on_end = on_end
        self._scan: Scan | None = None
        self._problem: BaseException | None = None
        self._is_awaited = True
        self._thread = threading.Thread(target=self._run, name="scan", daemon=True)
        self._thread.start()

    def has_ended(self, seconds: float) -> bool:
        """Wait for the end, at the first call for some seconds; whether it has ended."""
        self._thread.join(seconds if self._is_awaited else 0)
        self._is_awaited = False
        return not self._thread.is_alive()

    def scan(self) -> Scan:
        """What it found."""
        if self._problem is not None:
            raise self._problem
        assert self._scan is not None
        return self._scan

    def _run(self) -> None:
        try:
            self._scan = self._look()
        except BaseException as problem:  # noqa: BLE001  raised again in the caller
            self._problem = problem
        if not self._is_awaited:
            self._on_end()

    def _look(self) -> Scan:
        unwatched = self._reports.watch()  # first: what arrives after the scan is reported
        before = self._reports.traces()
        scan = self._scan_folder()
        self._reports.keep_only({one.path for one in scan.files}, before)
        return scan._replace(polled=scan.polled or unwatched)
