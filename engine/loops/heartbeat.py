"""Loop: record that the engine is alive, so that a later one knows when no engine was running."""

from collections.abc import Callable

from engine.ledger.store_ports import Sessions
from engine.ports import Clock

BEAT_SECONDS = 10.0
BEATS_A_NOTE = 6
"""Number of beats between two calls of `on_beat`, which costs two
more syncs: once a minute is precise enough.
"""


class Heartbeat:
    """Touches the engine's session."""

    def __init__(
        self,
        *,
        store: Sessions,
        clock: Clock,
        epoch: int,
        on_beat: Callable[[], None],
        is_held: Callable[[], bool],
    ) -> None:
        """`on_beat` is called once a minute, the first time at once. While `is_held`, no time is recorded."""
        self._is_held = is_held
        self._on_beat = on_beat
        self._beats = 0
        self._store = store
        self._clock = clock
        self._epoch = epoch

    def tick(self) -> float:
        """Touch once; returns the seconds until the next time."""
        if self._is_held():
            return BEAT_SECONDS
        with self._store.transaction():
            self._store.touch_session(
                epoch=self._epoch, now=self._clock.now(), boot_seconds=self._clock.elapsed()
            )
        if self._beats % BEATS_A_NOTE == 0:
            self._on_beat()
        self._beats += 1
        return BEAT_SECONDS

    def end(self, reason: str) -> None:
        """Note that the engine stopped cleanly.

        Both clocks are read together: a later engine compares them.
        """
        elapsed = None if self._is_held() else self._clock.elapsed()
        with self._store.transaction():
            self._store.close_session(
                epoch=self._epoch, now=self._clock.now(), boot_seconds=elapsed, reason=reason
            )
