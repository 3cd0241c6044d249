"""Waits in the main thread for the end, which a signal may ask for."""

import threading
import time
from typing import Final

LOOK_SECONDS: Final = 1.0
"""A signal may reach another thread, which does not wake the main thread; but Python calls its handler only
in the main thread.
"""


def wait_for(event: threading.Event, seconds: float | None = None) -> bool:
    """Wait as `Event.wait` does, but notice a signal within LOOK_SECONDS."""
    until = None if seconds is None else time.monotonic() + seconds
    while not event.is_set():
        left = LOOK_SECONDS if until is None else min(LOOK_SECONDS, until - time.monotonic())
        if left <= 0:
            return False
        event.wait(left)
    return True
