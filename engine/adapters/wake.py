"""A named pipe through which anybody wakes the engine: supervisors when an attempt ended, commands when
they wrote to the ledger. Only a hint: what is lost here is found a second later by looking.
"""

import contextlib
import os
import threading
from collections.abc import Callable
from pathlib import Path

FIFO = "wake"
LEDGER_CHANGED = "ledger"
READ_BYTES = 65_536


def poke(state_dir: Path, line: str = LEDGER_CHANGED) -> None:
    """Wake the engine of a state folder, if there is one."""
    with contextlib.suppress(OSError):
        pipe = os.open(state_dir / FIFO, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            os.write(pipe, f"{line}\n".encode())
        finally:
            os.close(pipe)


class WakePipe:
    """The engine's end: a thread that passes each line on."""

    def __init__(self, state_dir: Path, on_line: Callable[[str], None]) -> None:
        """Make the pipe if it is not there, and open it."""
        path = state_dir / FIFO
        with contextlib.suppress(FileExistsError):
            os.mkfifo(path, 0o600)
        self.path = path
        self._on_line = on_line
        # Opened for both directions, it never reports an end when a writer leaves.
        self._pipe = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        self._is_open = True
        self._thread = threading.Thread(target=self._listen, name="wake", daemon=True)

    def start(self) -> None:
        """Listen from now on."""
        self._thread.start()

    def close(self) -> None:
        """Stop listening; the pipe stays for the next engine."""
        self._is_open = False
        with contextlib.suppress(OSError):
            os.write(self._pipe, b"\n")
        if self._thread.is_alive():
            self._thread.join()
        os.close(self._pipe)

    def _listen(self) -> None:
        rest = b""
        while self._is_open:
            *lines, rest = (rest + os.read(self._pipe, READ_BYTES)).split(b"\n")
            for line in lines:
                if line:
                    self._on_line(line.decode("ascii", "replace"))
