"""Counts what is limited in a minute: failed sign-ins, requests of a token, calls of a webhook."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from http import HTTPStatus

from engine.web.limits import MAX_PEERS
from engine.web.refusing import RefusedError

MINUTE = 60.0


class Rates:
    """For each name a store of permits that fills up evenly over a minute."""

    def __init__(self, per_minute: int, elapsed: Callable[[], float], *, at_once: int | None = None) -> None:
        """Begin with full stores, of a minute or of `at_once`; `elapsed` is a clock that never steps."""
        self._per_minute = per_minute
        self._most = per_minute if at_once is None else at_once
        self._elapsed = elapsed
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def check(self, name: str) -> None:
        """Refuse when nothing is left for this name."""
        if self._now_left(name) < 1:
            raise RefusedError(
                HTTPStatus.TOO_MANY_REQUESTS,
                f"more than {self._per_minute} a minute; try again later",
                retry_after=int(MINUTE / self._per_minute) + 1,
            )

    def count(self, name: str) -> None:
        """Take one."""
        with self._lock:
            self._keep(name, self._filled(name) - 1)

    def take(self, name: str) -> bool:
        """Take one, if there is one."""
        with self._lock:
            left = self._filled(name)
            if left < 1:
                return False
            self._keep(name, left - 1)
            return True

    def _keep(self, name: str, left: float) -> None:
        self._left[name] = (max(0.0, left), self._elapsed())
        self._left.move_to_end(name)
        while len(self._left) > MAX_PEERS:
            self._left.popitem(last=False)

    def _now_left(self, name: str) -> float:
        with self._lock:
            return self._filled(name)

    def _filled(self, name: str) -> float:
        left, at = self._left.get(name, (float(self._most), 0.0))
        return min(self._most, left + (self._elapsed() - at) * self._per_minute / MINUTE)
