"""The jobs of the files, compiled once for each state of the files: thousands of jobs take seconds."""

import threading
from typing import Final

from engine.ports import Snapshot
from engine.service.listing import compiled_snapshot
from jobfile.pipeline import Compiled

PATIENCE_SECONDS: Final = 1.0
"""How long a page waits for the jobs of files that have changed."""


class CompiledFiles:
    """Remembers the last files and their jobs."""

    def __init__(self) -> None:
        """Remember nothing yet."""
        self._lock = threading.Lock()
        self._last: tuple[Snapshot, Compiled] | None = None
        self._worker: threading.Thread | None = None

    def of(self, snapshot: Snapshot) -> Compiled:
        """The jobs of these files."""
        with self._lock:
            if self._last is None or self._last[0] != snapshot:
                self._last = (snapshot, compiled_snapshot(snapshot))
            return self._last[1]

    def soon(self, snapshot: Snapshot) -> Compiled | None:
        """The jobs of these files; None while a thread still compiles them."""
        if not self._has(snapshot):
            if self._worker is None or not self._worker.is_alive():
                self._worker = threading.Thread(target=self.of, args=(snapshot,), daemon=True)
                self._worker.start()
            self._worker.join(PATIENCE_SECONDS)
        return self.of(snapshot) if self._has(snapshot) else None

    def _has(self, snapshot: Snapshot) -> bool:
        last = self._last
        return last is not None and last[0] == snapshot
