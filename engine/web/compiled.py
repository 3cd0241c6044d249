"""The jobs of the files, compiled once for each state of the files: thousands of jobs take seconds."""

import threading
from collections.abc import Callable
from typing import Final

from engine.ports import Snapshot
from engine.service.listing import WrittenJobs, written_jobs

PATIENCE_SECONDS: Final = 1.0
"""How long a page waits for the jobs of files that have changed."""


class CompiledFiles:
    """Remembers the last files and their jobs."""

    def __init__(self, read: Callable[[Snapshot], WrittenJobs] | None = None) -> None:
        """Remember nothing yet. `read` compiles files; in this process, if there is none."""
        self._lock = threading.Lock()
        self._last: tuple[Snapshot, WrittenJobs] | None = None
        self._worker: threading.Thread | None = None
        self._read = read

    def of(self, snapshot: Snapshot) -> WrittenJobs:
        """The jobs of these files."""
        with self._lock:
            if self._last is None or self._last[0] != snapshot:
                self._last = (snapshot, (self._read or written_jobs)(snapshot))
            return self._last[1]

    def soon(self, snapshot: Snapshot) -> WrittenJobs | None:
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
