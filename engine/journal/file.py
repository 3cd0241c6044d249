"""The engine's log: JSON lines in the state folder."""

import contextlib
import os
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from engine.core.events import Event
from engine.host.ownership import open_own
from engine.journal.lines import for_programs

MAX_LOG_BYTES = 16 * 1024 * 1024
"""The size in bytes at which the log is rotated; one old file is kept."""


class LogFile:
    """Appends each event to a file. On a full disk, events are dropped."""

    name = "log"

    def __init__(self, path: Path) -> None:
        """`path` is opened at the first event."""
        self._log = path
        self._handle = -1
        self._size = 0
        self._is_torn = False

    def take(self, events: Sequence[Event], now: datetime) -> None:
        """Append a line for each event."""
        with contextlib.suppress(OSError):
            self._append(for_programs(events, now))

    def _append(self, lines: str) -> None:
        if self._handle < 0:
            self._handle = open_own(self._log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
            self._size = os.fstat(self._handle).st_size
        # After a line that a full disk has cut off, begin a new line.
        content = ("\n" * self._is_torn + lines).encode()
        written = os.write(self._handle, content)
        self._is_torn = written < len(content)
        self._size += written
        if self._size > MAX_LOG_BYTES:
            self._log.rename(self._log.with_suffix(".log.1"))
            os.close(self._handle)
            self._handle = -1
