"""The named pipe that wakes the engine.

Supervisors write to it when an attempt has ended, and commands when they have written to the ledger. It is
only a hint: if a line is lost or late, each loop finds the change at its next check.
"""

import contextlib
import os
import select
import stat
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

from engine.core.errors import JobfileError
from engine.host.ownership import WAKE, open_own

FIFO = WAKE
LEDGER_CHANGED = "ledger"
YIELD = "yield"
"""The line by which a starting engine asks a command that runs jobs itself to give up the state folder."""
READ_BYTES = 65_536
MANY_WAKES = 200
"""If more wake-ups than this find no work in FLOOD_SECONDS, for example because a job writes to the pipe, the
engine pauses for PAUSE_SECONDS at each further one.
"""
FLOOD_SECONDS = 1.0
PAUSE_SECONDS = 0.02


def poke(state_dir: Path, line: str = LEDGER_CHANGED) -> None:
    """Wake the engine of a state folder, if there is one."""
    with contextlib.suppress(OSError):
        pipe = open_own(state_dir / FIFO, os.O_WRONLY, kind=stat.S_IFIFO)
        try:
            os.write(pipe, f"{line}\n".encode())
        finally:
            os.close(pipe)


class WakePipe:
    """The engine's end of the pipe.

    The worker's loop waits at it directly: a thread between would cost time.
    """

    def __init__(self, state_dir: Path, on_line: Callable[[str], None]) -> None:
        """Make the pipe if it is not there, and open it."""
        path = state_dir / FIFO
        with contextlib.suppress(FileExistsError):
            os.mkfifo(path, 0o600)
        self.path = path
        self._on_line = on_line
        self._rest = b""
        self._woken: deque[float] = deque(maxlen=MANY_WAKES)
        # Opened for both directions: otherwise poll(2) would report the end
        # each time that the last writer leaves.
        self._pipe = self._open(path)
        self._poll = select.poll()
        self._poll.register(self._pipe, select.POLLIN)

    @staticmethod
    def _open(path: Path) -> int:
        try:
            return open_own(path, os.O_RDWR, kind=stat.S_IFIFO)
        except OSError as error:
            raise JobfileError(f"{error.strerror}; remove it, and the engine creates a new one") from error

    def wake(self) -> None:
        """End the current wait, or the next one."""
        with contextlib.suppress(OSError):  # a full pipe wakes the reader, too
            os.write(self._pipe, b"\n")

    def wait(self, seconds: float) -> None:
        """Wait for a line, or until the timeout; pass each line to `on_line`."""
        if not self._poll.poll(seconds * 1000):
            return
        self._slow_down()
        try:
            part = os.read(self._pipe, READ_BYTES)
        except BlockingIOError:
            return  # another process has read it: only a hint is lost
        *lines, self._rest = (self._rest + part).split(b"\n")
        for line in lines:
            if line:
                self._on_line(line.decode("ascii", "replace"))

    def was_right(self) -> None:
        """Note that a wake-up found work: hundreds of runs may end in a
        second, which does not count as a flood.
        """
        self._woken.clear()

    def _slow_down(self) -> None:
        now = time.monotonic()
        if len(self._woken) == MANY_WAKES and now - self._woken[0] < FLOOD_SECONDS:
            select.select([], [], [], PAUSE_SECONDS)
        self._woken.append(now)

    def close(self) -> None:
        """Stop listening; the pipe stays for the next engine."""
        pipe, self._pipe = self._pipe, -1
        os.close(pipe)
