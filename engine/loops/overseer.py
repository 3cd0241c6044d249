"""Loop: note which loops are stuck in one turn.

It shares no lock with them, so it cannot get stuck with them.
"""

from collections.abc import Callable
from datetime import timedelta

from engine.core.events import LoopFailed
from engine.ledger.health import LedgerGuard
from engine.ports import Clock, Journal

OVERSEE_SECONDS = 5.0
STANDS_STILL = "one of its turns takes too long, for example because the system does not answer for a file"


class Overseer:
    """Watches the loops, and notes changes in the file of the lock, where `status` reads them."""

    def __init__(
        self, *, loops: LedgerGuard, clock: Clock, journal: Journal, note: Callable[[str], None]
    ) -> None:
        """`note` receives which loops are stuck and since when, or ""; it must not use the ledger."""
        self._loops = loops
        self._clock = clock
        self._journal = journal
        self._note = note
        self._standing: set[str] = set()

    def tick(self) -> float:
        """Check once; returns the seconds until the next check."""
        now = self._clock.now()
        standing = self._loops.standing()
        if standing.keys() != self._standing:
            words = (
                f"{loop} since {now - timedelta(seconds=seconds):%Y-%m-%d %H:%M:%S} UTC"
                for loop, seconds in sorted(standing.items())
            )
            new, self._standing = standing.keys() - self._standing, set(standing)
            self._note("; ".join(words))
            self._journal.report(*(LoopFailed(loop=loop, message=STANDS_STILL) for loop in sorted(new)))
        return OVERSEE_SECONDS
