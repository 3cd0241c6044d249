"""Writes lines to a reader that may block: a terminal under Ctrl-S, a pager, a slow log collector."""

import contextlib
import os
import threading
from collections import deque
from collections.abc import Callable

MAX_WAITING = 10_000
"""Maximum number of texts that wait for the reader; further ones are only counted."""
CLOSE_SECONDS = 1.0
"""How long to wait at the end for a reader to take the rest, in seconds."""


class Console:
    """Writes in its own thread, so that no caller waits for the reader.

    It writes to the file descriptor itself. A thread that blocks inside Python's own stream would hold
    that stream's lock, and with it the end of the process.
    """

    def __init__(self, handle: int, *, when_lost: Callable[[int], str] = lambda _: "") -> None:
        """`when_lost` returns the line for a number of texts that were not shown."""
        self._handle = handle
        self._when_lost = when_lost
        self._waiting: deque[str] = deque()
        self._lost = 0
        self._changed = threading.Condition()
        self._is_closing = False
        self._is_writing = False
        self._is_gone = False
        self._thread: threading.Thread | None = None

    def write(self, text: str) -> None:
        """Show a text soon. From any thread."""
        with self._changed:
            if self._is_gone or self._is_closing:
                return
            if len(self._waiting) >= MAX_WAITING:
                self._lost += 1
                return
            self._waiting.append(text)
            if self._thread is None:
                self._start()
            self._changed.notify_all()

    def close(self) -> None:
        """Accept no more texts, and show the rest if the reader takes it in time."""
        with self._changed:
            self._is_closing = True
            self._changed.notify_all()
            self._changed.wait_for(self._is_empty, CLOSE_SECONDS)

    def _start(self) -> None:
        thread = threading.Thread(target=self._run, name="console", daemon=True)
        with contextlib.suppress(RuntimeError):  # no thread can be started now: the next text tries again
            thread.start()
            self._thread = thread

    def _is_empty(self) -> bool:
        return self._is_gone or not (self._waiting or self._is_writing or self._lost)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._is_writing = False
                self._changed.notify_all()
                self._changed.wait_for(lambda: self._waiting or self._lost or self._is_closing)
                if not self._waiting and not self._lost:
                    return
                text = "".join(self._waiting)
                if self._lost:
                    text += self._when_lost(self._lost)
                self._waiting.clear()
                self._lost = 0
                self._is_writing = True
            self._write(text.encode("utf-8", "backslashreplace"))

    def _write(self, content: bytes) -> None:
        try:
            while content:
                content = content[os.write(self._handle, content) :]
        except BrokenPipeError:
            with self._changed:
                self._is_gone = True
                self._waiting.clear()
        except OSError:
            return  # for example a full disk, which may accept the next text
