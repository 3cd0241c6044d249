"""The loops of a session in threads, and the notes about their problems for `status`."""

import threading
from collections.abc import Callable

from engine.host.lock import EngineLock
from engine.host.wake import YIELD
from engine.ledger.health import LedgerGuard
from engine.loops.loop import RETRY_SECONDS, Bell, Loop
from engine.loops.overseer import Overseer
from engine.ports import Clock, Journal

STOP_SECONDS = 20.0
"""How many seconds a stopping engine waits for the current turns; systemd gives it 30."""


class Threads:
    """Loops by name. None runs before `start`."""

    def __init__(
        self,
        *,
        clock: Clock,
        journal: Journal,
        lock: EngineLock,
        ended: threading.Event,
        alarm: Callable[[str], None] = lambda _: None,
    ) -> None:
        """`ended` is set here when a loop has an error that no retry can fix.

        `alarm` receives why the ledger cannot be written, and '' when it can again.
        """
        self._clock = clock
        self._journal = journal
        self._lock = lock
        self._alarm = alarm
        self._loops: dict[str, Loop] = {}
        self._ended = ended
        self.trouble: BaseException | None = None
        self.should_yield = threading.Event()
        """Whether an engine asks for the state folder: a command that runs jobs itself should give it up."""
        self.ledger = LedgerGuard(
            clock=clock, journal=journal, alarm=self._raise_alarm, on_bug=lambda bugs: lock.note(bug=bugs)
        )

    def add(
        self,
        name: str,
        tick: Callable[[], float],
        *,
        bell: Bell | None = None,
        retry: float = RETRY_SECONDS,
    ) -> None:
        """Add a loop; a failed turn is repeated after `retry` seconds."""
        self._loops[name] = Loop(
            name,
            tick,
            journal=self._journal,
            ledger=self.ledger,
            on_end=self._on_end,
            bell=bell,
            retry=retry,
        )

    def add_overseer(self) -> None:
        """Add a loop that notes beside the lock which of the others are stuck."""
        overseer = Overseer(
            loops=self.ledger,
            clock=self._clock,
            journal=self._journal,
            note=lambda stuck: self._lock.note(stuck=stuck),
        )
        self.add("overseer", overseer.tick)

    def start(self) -> None:
        """Start every loop."""
        for loop in self._loops.values():
            loop.start()

    def wake(self, *names: str) -> None:
        """Wake some loops; without names, all."""
        for name, loop in self._loops.items():
            if not names or name in names:
                loop.wake()

    def take_hint(self, line: str, notice: Callable[[str], None]) -> None:
        """Handle a line of the wake pipe. The worker's thread calls this, right before its next turn.

        An attempt's id (only they contain `-`) goes to `notice`; YIELD is an engine that asks for the state
        folder; any other line means that the ledger has changed.
        """
        if "-" in line:
            notice(line)
        elif line == YIELD:
            self.should_yield.set()
        else:
            self.wake(*(name for name in self._loops if name != "worker"))

    def stop(self) -> tuple[str, ...]:
        """Stop every loop; return the names of those that are still in a turn after STOP_SECONDS."""
        for loop in self._loops.values():
            loop.stop()
        until = self._clock.elapsed() + STOP_SECONDS
        return tuple(
            loop.name
            for loop in self._loops.values()
            if not loop.join(max(0.0, until - self._clock.elapsed()))
        )

    def _raise_alarm(self, trouble: str) -> None:
        """Report without using the disk, and wake all loops: they may have
        the same problem, or none any more.
        """
        self._lock.note(ledger=trouble)
        self._alarm(trouble)
        self.wake()

    def _on_end(self, error: BaseException) -> None:
        self.trouble = error
        self._ended.set()
