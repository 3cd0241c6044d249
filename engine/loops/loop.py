"""One repeating duty of the engine: a function that is called, waits, and is called again."""

import threading
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Protocol

from engine.core.errors import (
    JobfileError,
    PartialTurnError,
    StoreDamagedError,
    StoreUnwritableError,
    SupersededError,
)
from engine.core.events import LoopFailed
from engine.ledger.health import LedgerGuard
from engine.ports import Journal

RETRY_SECONDS = 2.0
"""How long a loop waits after a failure, in seconds."""


class Bell(Protocol):
    """Wakes a waiting loop."""

    def wake(self) -> None:
        """End the current wait, or the next one. From any thread."""
        ...

    def wait(self, seconds: float) -> None:
        """Wait until woken, or until the timeout."""
        ...


class QueueBell:
    """A wake-up inside the process."""

    def __init__(self) -> None:
        """Begin without a wake-up."""
        self._wakes: SimpleQueue[None] = SimpleQueue()

    def wake(self) -> None:
        """End the current wait, or the next one."""
        self._wakes.put(None)

    def wait(self, seconds: float) -> None:
        """Wait until woken, or until the timeout; several wake-ups count as one."""
        with suppress(Empty):
            self._wakes.get(timeout=seconds)
            while True:
                self._wakes.get_nowait()


class Loop:
    """Calls `tick` again and again in a thread.

    It does what is due, and returns the seconds until the next call.
    """

    def __init__(
        self,
        name: str,
        tick: Callable[[], float],
        *,
        journal: Journal,
        ledger: LedgerGuard,
        on_end: Callable[[BaseException], None],
        bell: Bell | None = None,
        retry: float = RETRY_SECONDS,
    ) -> None:
        """Does nothing before `start`. `on_end` receives an error that no retry can fix.

        After `retry` seconds, what failed is done again.
        """
        self.name = name
        self._tick = tick
        self._journal = journal
        self._ledger = ledger
        self._on_end = on_end
        self._retry = retry
        self._bell: Bell = bell or QueueBell()
        self._is_stopping = False
        self._last_trouble = ""
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def wake(self) -> None:
        """Tick now, or again right after the current tick."""
        self._bell.wake()

    def stop(self) -> None:
        """End after the current tick."""
        self._is_stopping = True
        self.wake()

    def join(self, seconds: float | None = None) -> bool:
        """Wait for the end, or until the timeout; returns whether it has ended."""
        if self._thread.is_alive():
            self._thread.join(seconds)
        return not self._thread.is_alive()

    def turn(self) -> float:
        """Tick once and handle every error; returns the seconds until the next turn."""
        with self._ledger.turn(self.name):
            return self._turn()

    def _turn(self) -> float:
        try:
            seconds = self._tick()
        except (SupersededError, StoreDamagedError) as error:
            self._on_end(error)
            self._is_stopping = True
            return 0
        except StoreUnwritableError as error:
            self._ledger.note_failure(self.name, str(error))
            return self._retry
        except JobfileError as error:
            self._report(str(error))
            return self._retry
        except PartialTurnError as error:
            self._report_bug(str(error), is_whole_turn=False)
            return self._retry
        except Exception as error:  # noqa: BLE001  the one place: a loop must outlive its own bugs
            self._report_bug(f"{type(error).__name__}: {error}", is_whole_turn=True)
            return self._retry
        self._last_trouble = ""
        self._ledger.note_success(self.name)
        return seconds

    def _run(self) -> None:
        while not self._is_stopping:
            self._bell.wait(max(0.0, self.turn()))

    def _report_bug(self, error: str, *, is_whole_turn: bool) -> None:
        message = f"{error} (a bug in jobfile)"
        self._ledger.note_bug(self.name, message, is_whole_turn=is_whole_turn)
        self._report(message)

    def _report(self, message: str) -> None:
        """Report a problem once, not at each repetition."""
        if message != self._last_trouble:
            self._last_trouble = message
            self._journal.report(LoopFailed(loop=self.name, message=message))
