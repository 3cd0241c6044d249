"""The duty of a first process: orphans become its children, and it must wait for them when they end.

In a container without an init the engine is that process. Its own children are waited for by those who made
them, at once; so only what is still unclaimed at the second look is an orphan: wait(2).
"""

import os
import threading
from collections.abc import Callable

from engine.supervisor.leftovers import began_at, ended_children

FIRST_PROCESS = 1
LOOK_SECONDS = 1.0


class Orphans:
    """Children that have ended and that no other part has waited for."""

    def __init__(self, *, is_own: Callable[[int], bool]) -> None:
        """`is_own` says of which child another part of the engine keeps the end, however late it asks."""
        self._is_own = is_own
        self._seen: set[tuple[int, str]] = set()

    def reap(self) -> int:
        """Reap children that were unclaimed at the last check, too; returns their number."""
        now = {(pid, began_at(pid)) for pid in ended_children(os.getpid()) if not self._is_own(pid)}
        orphans = now & self._seen
        for pid, _ in orphans:
            try:
                os.waitpid(pid, os.WNOHANG)
            except ChildProcessError:
                continue  # somebody has asked just now
        self._seen = now - orphans
        return len(orphans)


def reap_orphans(*, is_own: Callable[[int], bool]) -> bool:
    """Do so for this process's life, where it is the first one; whether it is."""
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
