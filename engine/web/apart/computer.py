"""The server's end of the process that computes its answers: questions go there, answers come back."""

import contextlib
import itertools
import os
import sys
import threading
from concurrent.futures import Future
from multiprocessing.connection import Connection, Pipe
from typing import Final

from engine.asking.place import Place
from engine.core.errors import JobfileError
from engine.execution.launcher_client import Beside
from engine.host.environment import environment
from engine.host.memory_release import give_back_freed
from engine.web.apart.passing import from_bytes, to_bytes
from engine.web.apart.question import Computed, Question

STOP_SECONDS: Final = 1.0
TRIES: Final = 2
"""How often a question is asked whose process ends before it answers: it may itself be the reason."""
LARGE_BYTES: Final = 256 * 1024
"""After an answer of this size, the memory of what it replaced is given back."""


class GoneError(Exception):
    """The process has ended before its answer."""


class Computer:
    """A process for answers. It begins with the first question, and begins again when it has ended."""

    def __init__(self, place: Place, *, is_for_pages: bool = False) -> None:
        """Answer questions about this place. Starts nothing yet. Computing for pages begins with those that
        everyone opens, before anyone asks.
        """
        self._about = (place.apart(), is_for_pages)
        self._own = threading.Lock()
        self._child: _Child | None = None
        self._is_closed = False

    def start(self) -> None:
        """Start the process now: the first question then waits less."""
        self._running()

    def answer(self, question: Question) -> Computed:
        """The answer, or the error of its function."""
        for _ in range(TRIES):
            with contextlib.suppress(GoneError):
                return self._running().answer(question)
        raise JobfileError("the process that computes this answer has ended; see the server's log")

    def close(self) -> None:
        """End the process; who still waits for an answer gets an error."""
        with self._own:
            self._is_closed = True
            child, self._child = self._child, None
        if child is not None:
            child.close()

    def _running(self) -> "_Child":
        with self._own:
            if self._is_closed:
                raise JobfileError("the server ends; ask again when it is back")
            if self._child is None or self._child.is_gone:
                self._child = _Child(self._about)
            return self._child


class _Child:
    """One process."""

    def __init__(self, about: tuple[Place, bool]) -> None:
        """Start it. Its place is no argument: everyone can read those, and it may have a password."""
        self.is_gone = False
        self._own = threading.Lock()
        self._numbers = itertools.count()
        self._waiting: dict[int, Future[Computed]] = {}
        self._ours, theirs = Pipe()
        argv = (sys.executable, "-P", "-m", "engine.web.apart", str(theirs.fileno()))
        self._process = Beside(argv, env=environment(), passed=(theirs.fileno(),))
        theirs.close()
        self._send(to_bytes(about))
        threading.Thread(target=self._listen, name="answers", daemon=True).start()

    def answer(self, question: Question) -> Computed:
        """Send a question, and wait."""
        number, waited = next(self._numbers), Future[Computed]()
        content = to_bytes((number, question))
        with self._own:
            if self.is_gone:
                raise GoneError
            self._waiting[number] = waited
            self._send(content)
        return waited.result()

    def close(self) -> None:
        """End it: it ends when nobody can ask it."""
        self._process.end(seconds=STOP_SECONDS)

    def _send(self, content: bytes) -> None:
        with contextlib.suppress(OSError):  # it has ended, and the listener notices
            self._ours.send_bytes(content)

    def _listen(self) -> None:
        """Give each answer to who waits for it, until the process ends."""
        with contextlib.suppress(EOFError, OSError):
            while True:
                number, found, error = _received(self._ours)
                with self._own:
                    waited = self._waiting.pop(number)
                if error is None:
                    waited.set_result(found)
                else:
                    waited.set_exception(error)
        with self._own:
            self.is_gone = True
            left, self._waiting = self._waiting, {}
        for waited in left.values():
            waited.set_exception(GoneError())
        self._process.wait()
        self._ours.close()


def _received(connection: Connection) -> tuple[int, Computed, Exception | None]:
    content = connection.recv_bytes()
    found: tuple[int, Computed, Exception | None] = from_bytes(content)  # type: ignore[assignment]  # what it sends
    is_large = len(content) > LARGE_BYTES
    del content
    if is_large:
        give_back_freed()
    return found


def of_descriptor(number: int) -> Connection:
    """The other end, in the process that computes."""
    os.set_inheritable(number, False)
    return Connection(number)
