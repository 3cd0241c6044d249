"""The one stream of events: everything that happens goes to every sink, in the same order.

docs/events.md lists the events. Only a console adds one by itself, `NotShown`, where lines are missing.
"""

import threading
from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from engine.core.events import Event, LoopFailed
from engine.ports import Clock


class Sink(Protocol):
    """Receives events, for example a log or a console."""

    name: str

    def take(self, events: Sequence[Event], now: datetime) -> None:
        """Take events of one instant, without waiting for a reader."""
        ...


class EventStream:
    """Passes each event to every sink. A sink that fails gets no more events, and the others report that."""

    def __init__(self, *sinks: Sink, clock: Clock) -> None:
        """Sinks are served in their order."""
        self._sinks = list(sinks)
        self._clock = clock
        self._lock = threading.Lock()

    def add(self, sink: Sink) -> None:
        """Serve one more sink, after the others."""
        with self._lock:
            self._sinks.append(sink)

    def report(self, *events: Event) -> None:
        """Report events, in order. Never raises: reporting must not stop any work."""
        if not events:
            return
        with self._lock:
            self._give(events, self._clock.now())

    def _give(self, events: Sequence[Event], now: datetime) -> None:
        failed: list[Event] = []
        for sink in tuple(self._sinks):
            try:
                sink.take(events, now)
            except Exception as error:  # noqa: BLE001  one bad sink must not stop the engine or another sink
                self._sinks.remove(sink)
                message = f"{type(error).__name__}: {error} (a bug in jobfile)"
                failed.append(LoopFailed(loop=f"sink {sink.name}", message=message))
        if failed:
            self._give(failed, now)
