"""A few threads that deliver messages: a receiver that hangs holds up neither the engine nor the others."""

import threading
from collections.abc import Callable

from engine.channels.courier import Delivered
from engine.core.records import Parcel
from jobfile.model.namedtuple import NamedTuple

AT_ONCE = 4
"""Maximum number of messages that are sent at the same time."""

Deliver = Callable[[str, Parcel], Delivered]


class Report(NamedTuple):
    """A message, its channel, and how its delivery ended."""

    channel: str
    parcel: Parcel
    result: Delivered


class Pool:
    """Delivers each message in a thread of its own."""

    def __init__(self, deliver: Deliver, *, on_done: Callable[[], None], at_once: int = AT_ONCE) -> None:
        """`on_done` is called, from any thread, when there is a report to take."""
        self._deliver = deliver
        self._on_done = on_done
        self._room = at_once
        self._lock = threading.Lock()
        self._reports: list[Report] = []

    def hand_over(self, channel: str, parcel: Parcel) -> bool:
        """Begin to deliver a message; False when as many as allowed are being delivered."""
        with self._lock:
            if self._room == 0:
                return False
            self._room -= 1
        # A daemon: an engine that stops does not wait for a receiver. The message is sent again later.
        threading.Thread(
            target=self._run, args=(channel, parcel), name=f"send-{channel}", daemon=True
        ).start()
        return True

    def take(self) -> list[Report]:
        """The reports since the last call."""
        with self._lock:
            reports, self._reports = self._reports, []
        return reports

    def _run(self, channel: str, parcel: Parcel) -> None:
        try:
            result = self._deliver(channel, parcel)
        except Exception as error:  # noqa: BLE001  one message must not stop the others, and is retried
            result = Delivered(
                f"it could not be made: {type(error).__name__} (a bug in jobfile)", parcel.done
            )
        with self._lock:
            self._room += 1
            self._reports.append(Report(channel, parcel, result))
        self._on_done()
