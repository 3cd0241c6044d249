"""Reaps orphans when the engine is the first process of a container: orphans become its children.

The parts of the engine wait for their own children at once, by their ids. So a child that is still a zombie
at the second look is an orphan: wait(2).
"""

import os
import threading
from collections.abc import Callable

from engine.supervisor.leftovers import began_at, ended_children

FIRST_PROCESS = 1
LOOK_SECONDS = 1.0


class Orphans:
    """Finds and reaps children that have ended and that no other part waits for."""

    def __init__(self, *, is_own: Callable[[int], bool]) -> None:
        """`is_own` returns whether another part of the engine will wait for a child, however late."""
        self._is_own = is_own
        self._seen: set[tuple[int, str]] = set()

    def reap(self) -> int:
        """Reap the children that were zombies at the last check, too; return their number."""
        now = {(pid, began_at(pid)) for pid in ended_children(os.getpid()) if not self._is_own(pid)}
        orphans = now & self._seen
        for pid, _ in orphans:
            try:
                os.waitpid(pid, os.WNOHANG)
            except ChildProcessError:
                continue  # another part has just waited for it
        self._seen = now - orphans
        return len(orphans)


def reap_orphans(*, is_own: Callable[[int], bool]) -> bool:
    """Reap orphans in a thread for this process's life, if it is the first process; return whether it is."""
    if os.getpid() != FIRST_PROCESS:
        return False
    orphans = Orphans(is_own=is_own)

    def look() -> None:
        pause = threading.Event()
        while True:
            pause.wait(LOOK_SECONDS)
            orphans.reap()

    threading.Thread(target=look, name="orphans", daemon=True).start()
    return True
