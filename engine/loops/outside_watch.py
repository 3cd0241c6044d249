"""Loop: pings an outside watchdog while the engine works. Its silence is how a dead engine is noticed.

Counting and sending take place in a thread of their own, one after the other: if the watchdog hangs, this
loop and all others continue.
"""

import threading
from collections.abc import Callable
from datetime import datetime
from typing import Final

from engine.core.events import ChannelDown, ChannelUp
from engine.notifications.heartbeat import needs_beat
from engine.ports import Clock, Journal

PING_SECONDS: Final = 60.0
LOOK_SECONDS: Final = 5.0
"""How soon the loop checks again whether a ping has ended, or the next one is due."""
CHANNEL: Final = "heartbeat"
"""The name under which its failures are reported, like those of a channel."""

Tell = Callable[[str | None], str]
"""Pings with the reason of a hold, or '' for none; None for the start. Returns why it failed."""


class OutsideWatch:
    """Sends a ping at the start and then once a minute, as long as there is something true to tell."""

    def __init__(
        self,
        *,
        clock: Clock,
        journal: Journal,
        tell: Tell,
        covered_until: Callable[[], datetime | None],
        hold: Callable[[], str],
        on_told: Callable[[], None] = lambda: None,
    ) -> None:
        """`tell` may take long and is never called twice at once; `on_told` is called from its thread."""
        self._clock = clock
        self._journal = journal
        self._tell = tell
        self._covered_until = covered_until
        self._hold = hold
        self._on_told = on_told
        self._lock = threading.Lock()
        self._results: list[str] = []
        self._is_telling = False
        self._is_down = False
        self._has_started = False
        self._next = 0.0

    def tick(self) -> float:
        """Report how the last ping ended, and begin the next one if it is time."""
        with self._lock:
            results, self._results = self._results, []
            is_telling = self._is_telling
        for error in results:
            self._judge(error)
        now = self._clock.elapsed()
        if is_telling or now < self._next:
            return LOOK_SECONDS if is_telling else self._next - now
        hold = self._hold() if self._has_started else None
        if hold is not None and not needs_beat(self._covered_until(), hold, self._clock.now()):
            return LOOK_SECONDS
        self._next = now + (PING_SECONDS if self._has_started else LOOK_SECONDS)
        self._has_started = True
        with self._lock:
            self._is_telling = True
        # A daemon: an engine that stops does not wait for its watchdog.
        threading.Thread(target=self._run, args=(hold,), name="tell-heartbeat", daemon=True).start()
        return LOOK_SECONDS

    def _run(self, hold: str | None) -> None:
        try:
            error = self._tell(hold)
        except Exception as trouble:  # noqa: BLE001  the next ping is tried whatever happened to this one
            error = f"it could not be sent: {type(trouble).__name__} (a bug in jobfile)"
        with self._lock:
            self._is_telling = False
            self._results.append(error)
        self._on_told()

    def _judge(self, error: str) -> None:
        """Report a failure once, and its end."""
        if error and not self._is_down:
            self._journal.report(ChannelDown(channel=CHANNEL, error=error))
        if not error and self._is_down:
            self._journal.report(ChannelUp(channel=CHANNEL))
        self._is_down = bool(error)
