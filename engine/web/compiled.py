"""The jobs of the files, compiled once for each state of the files: thousands of jobs take seconds."""

import threading

from engine.ports import Snapshot
from engine.service.listing import compiled_snapshot
from jobfile.pipeline import Compiled


class CompiledFiles:
    """Remembers the last files and their jobs."""

    def __init__(self) -> None:
        """Remember nothing yet."""
        self._lock = threading.Lock()
        self._last: tuple[Snapshot, Compiled] | None = None

    def of(self, snapshot: Snapshot) -> Compiled:
        """The jobs of these files."""
        with self._lock:
            if self._last is None or self._last[0] != snapshot:
                self._last = (snapshot, compiled_snapshot(snapshot))
            return self._last[1]
