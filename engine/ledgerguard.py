"""Whether the ledger takes what is written to it: told once when it does not, and once when it does again."""

import threading
from collections.abc import Callable

from engine.events import LedgerUnwritable, LedgerWritable
from engine.ports import Clock, Journal

CALM_SECONDS = 5.0
"""For so long no loop may have failed before the ledger is believed to be writable again."""


class LedgerGuard:
    """Decides nothing: what is not committed is not accounted for and not started, whoever asks.

    The loops try again by themselves; this puts their troubles together into one.
    """

    def __init__(self, *, clock: Clock, journal: Journal, alarm: Callable[[str], None]) -> None:
        """`alarm` takes why the ledger cannot be written, then nothing; it must need no disk."""
        self._clock = clock
        self._journal = journal
        self._alarm = alarm
        self._lock = threading.Lock()
        self._failing: set[str] = set()
        self._began = 0.0
        self._failed = 0.0
        self._is_told = False

    def note_failure(self, loop: str, detail: str) -> None:
        """A loop could not write."""
        with self._lock:
            self._failed = self._clock.elapsed()
            self._failing.add(loop)
            if self._is_told:
                return
            self._is_told, self._began = True, self._failed
        self._alarm(detail)
        self._journal.tell(LedgerUnwritable(detail=detail))

    def note_success(self, loop: str) -> None:
        """A loop did its duty."""
        with self._lock:
            self._failing.discard(loop)
            now = self._clock.elapsed()
            if not self._is_told or self._failing or now - self._failed < CALM_SECONDS:
                return
            self._is_told = False
        self._alarm("")
        self._journal.tell(LedgerWritable(seconds=now - self._began))
