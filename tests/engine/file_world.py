"""A world with real folders: real scans, and reports of the kernel that the test makes or leaves out."""

from collections.abc import Callable, Mapping
from pathlib import Path

from engine.core.arrivals import UNKNOWN, Hint, Scan, Trace
from engine.host.mounts import Mount, read_mounts
from engine.loops.arrivals import Arrivals
from engine.ports import WatchedFolder
from engine.sources.file_scan import find_gone, scan_folder
from engine.triggers.file import folder_of
from tests.builders import DAY, NOON
from tests.engine.world import World


class GivenFolders:
    """Real folders without a watch: a test reports the changes."""

    def __init__(self) -> None:
        self.watched: frozenset[WatchedFolder] = frozenset()
        self.mounts: Callable[[], tuple[Mount, ...]] = read_mounts
        self.scans = 0
        self.is_silent = False
        """Whether the system does not answer."""
        self._traces: dict[str, Trace] = {}
        self._has_change = False

    def report(self, path: Path, *hints: Hint) -> None:
        """Report what has happened to a path."""
        for hint in hints:
            self._traces[str(path)] = self._traces.get(str(path), UNKNOWN).after(hint)
        self._has_change = True

    def follow(self, wanted: frozenset[WatchedFolder]) -> None:
        self.watched = wanted

    def changed(self) -> frozenset[WatchedFolder]:
        had, self._has_change = self._has_change, False
        return self.watched if had else frozenset()

    def is_replaced(self, watched: WatchedFolder) -> bool:
        return False

    def scan(self, watched: WatchedFolder, wants: Callable[[str], bool]) -> Scan | None:
        self.scans += 1
        if self.is_silent:
            return None
        return scan_folder(watched.path, is_recursive=watched.is_recursive, wants=wants, read=self.mounts)

    def traces(self, watched: WatchedFolder) -> Mapping[str, Trace]:
        return self._traces


class FileWorld(World):
    """An engine without threads, with the loop that finds files."""

    def __init__(self, folder: Path, text: str, **options: int) -> None:
        self.folder = folder
        self.folders = GivenFolders()
        self.is_held = False
        super().__init__(folder, text, **options)

    def is_file_gone(self, path: str) -> bool:
        """Whether nothing is at the path now."""
        return find_gone(path)

    def boot(self) -> None:
        """Start an engine: nothing is known about any file, except by the ledger."""
        self.arrivals: Arrivals | None = None
        super().boot()
        self.folders._traces.clear()
        self.arrivals = Arrivals(
            store=self.store,
            clock=self.clock,
            journal=self.journal,
            folders=self.folders,
            folder_of=lambda trigger: folder_of(trigger, self.folder),
            new_id=self.new_id,
            is_held=lambda: self.is_held,
            on_recorded=lambda: None,
        )

    def step(self) -> None:
        """Let every loop do what is due, the one that finds files first."""
        if self.arrivals is not None:
            self.arrivals.tick()
        super().step()

    def look(self, *, seconds: float = 3.0) -> None:
        """Let the settle time pass, with a scan before and after it."""
        self.folders.report(self.folder)
        self.pass_time(seconds=0.3)
        self.folders.report(self.folder)
        self.pass_time(seconds=seconds)

    def handled(self, job: str = "hello") -> list[str]:
        """The names of the files whose events have a record, in the order of the records."""
        found = self.view.runs_between(job, since=NOON - DAY, until=NOON + 999 * DAY, limit=10**6)
        return [str(one.trigger_values["name"]) for one in sorted(found, key=lambda one: one.id)]
