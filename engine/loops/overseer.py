"""Notes which loops stand still, in one turn for too long. It shares nothing that they may hold."""

from collections.abc import Callable
from datetime import timedelta

from engine.core.events import LoopFailed
from engine.ledger.health import LedgerGuard
from engine.ports import Clock, Journal

OVERSEE_SECONDS = 5.0
STANDS_STILL = "it has been in one turn for too long, as when the system does not answer for a file"


class Overseer:
    """Looks at the loops, and writes beside the lock where that changes: `status` reads it there."""

    def __init__(
        self, *, loops: LedgerGuard, clock: Clock, journal: Journal, note: Callable[[str], None]
    ) -> None:
        """`note` writes which loops stand still, and since when, without the ledger; empty for none."""
        self._loops = loops
        self._clock = clock
        self._journal = journal
        self._note = note
        self._standing: set[str] = set()

    def tick(self) -> float:
        """Look once; in how many seconds to look again."""
        now = self._clock.now()
        standing = self._loops.standing()
        if standing.keys() != self._standing:
            words = (
                f"{loop} since {now - timedelta(seconds=seconds):%Y-%m-%d %H:%M:%S} UTC"
                for loop, seconds in sorted(standing.items())
            )
            new, self._standing = standing.keys() - self._standing, set(standing)
            self._note("; ".join(words))
            self._journal.tell(*(LoopFailed(loop=loop, message=STANDS_STILL) for loop in sorted(new)))
        return OVERSEE_SECONDS
