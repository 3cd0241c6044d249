"""The pace of catch-up runs: only a few start in a second, to avoid a stampede."""

from collections import deque
from typing import Final

PACE_SECONDS: Final = 1.0
"""At most `config.catchup_starts` catch-up runs start per this many seconds."""


class Pace:
    """When the newest catch-up runs started, by a clock that never goes back."""

    def __init__(self, starts: int) -> None:
        """`starts` is the maximum number per `PACE_SECONDS`."""
        self._starts = starts
        self._newest: deque[float] = deque(maxlen=starts)

    def left(self, elapsed: float) -> float:
        """Seconds until one more may start; 0 for now."""
        if len(self._newest) < self._starts:
            return 0
        return max(0.0, PACE_SECONDS - (elapsed - self._newest[0]))

    def note(self, elapsed: float) -> None:
        """One more has started."""
        self._newest.append(elapsed)
