"""Where the engine tells what happens: lines on the terminal, JSON lines in the state folder."""

import contextlib
import json
import os
import threading
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

from engine.core.events import Event
from engine.host.ownership import open_own
from engine.journal.lines import tell_json, tell_text
from engine.ports import Clock
from jobfile.diagnostics.escapes import message

MAX_LOG_BYTES = 16 * 1024 * 1024
"""The engine's own log is turned over at this size; one old part is kept."""


class EngineJournal:
    """Writes each event to the log, and shows it on a console if there is one."""

    def __init__(
        self, log: Path, *, clock: Clock, show: Callable[[str], None] | None = None, as_json: bool = False
    ) -> None:
        """`show` gets lines for people, or the log's JSON lines. It must not wait for a reader."""
        self._log = log
        self._clock = clock
        self._show = show
        self._as_json = as_json
        self._lock = threading.Lock()
        self._handle = -1
        self._size = 0
        self._is_torn = False

    def tell(self, *events: Event) -> None:
        """Tell what happened; what cannot be written is not told, and nothing else happens."""
        if not events:
            return
        now = self._clock.now()
        lines = for_programs(events, now)
        with self._lock:
            with contextlib.suppress(OSError):
                self._append(lines)
            if self._show is not None:
                self._show(lines if self._as_json else for_people(events, now))

    def _append(self, lines: str) -> None:
        if self._handle < 0:
            self._handle = open_own(self._log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
            self._size = os.fstat(self._handle).st_size
        # What a full disk has cut off stays a line of its own.
        content = ("\n" * self._is_torn + lines).encode()
        written = os.write(self._handle, content)
        self._is_torn = written < len(content)
        self._size += written
        if self._size > MAX_LOG_BYTES:
            self._log.rename(self._log.with_suffix(".log.1"))
            os.close(self._handle)
            self._handle = -1


def for_programs(events: Sequence[Event], now: datetime) -> str:
    """A JSON object on a line for each event."""
    return "".join(f"{json.dumps(tell_json(event, at=now))}\n" for event in events)


def for_people(events: Sequence[Event], now: datetime) -> str:
    """A line for each event, with the time on this host."""
    at = f"{now.astimezone():%H:%M:%S %Z}"
    return "".join(f"{at}  {message(tell_text(event))}\n" for event in events)
