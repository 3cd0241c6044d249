"""The clock of a ledger in a server; between two answers of the server, this host's elapsed time is added."""

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from engine.ports import Clock

ASKS: Final = 3
"""How often the server is asked in one go; the fastest answer counts."""


class SharedClock:
    """Implements `Clock`: all hosts of a ledger have the same time, whatever their own clocks say."""

    def __init__(self, own: Clock, ask: Callable[[], datetime]) -> None:
        """`ask` returns the server's time. Raises the errors of `ask`."""
        self._own = own
        self._ask = ask
        self._lock = threading.Lock()
        self._base = self._asked()

    @property
    def skew(self) -> timedelta:
        """How far this host's own clock is ahead of the server's."""
        return self._own.now() - self.now()

    def now(self) -> datetime:
        """The server's time."""
        with self._lock:
            at, elapsed = self._base
        return at + timedelta(seconds=self._own.elapsed() - elapsed)

    def elapsed(self) -> float:
        """Seconds since boot, with suspends, of this host."""
        return self._own.elapsed()

    def ask_again(self) -> None:
        """Correct the drift of this host's clock. If `ask` raises, raises the same and keeps its time."""
        base = self._asked()
        with self._lock:
            self._base = base

    def ask_if_older(self, seconds: float) -> None:
        """Ask again, if the last answer is older than this. Raises the errors of `ask`."""
        with self._lock:
            _, elapsed = self._base
        if self._own.elapsed() - elapsed >= seconds:
            self.ask_again()

    def _asked(self) -> tuple[datetime, float]:
        """The server's time, and this host's elapsed time at that moment."""
        found = []
        for _ in range(ASKS):
            before = self._own.elapsed()
            at = self._ask()
            after = self._own.elapsed()
            found.append((after - before, at, (before + after) / 2))
        _, at, elapsed = min(found)
        return at, elapsed
