"""Loop: write down that the engine is alive, so that a later one can say when nobody was there."""

from engine.ledger import Store
from engine.ports import Clock

BEAT_SECONDS = 10.0


class Heartbeat:
    """Touches the engine's session."""

    def __init__(self, *, store: Store, clock: Clock, epoch: int) -> None:
        """For the session with this epoch."""
        self._store = store
        self._clock = clock
        self._epoch = epoch

    def tick(self) -> float:
        """Touch once; returns the seconds until the next time."""
        with self._store.transaction():
            self._store.touch_session(epoch=self._epoch, now=self._clock.now())
        return BEAT_SECONDS
