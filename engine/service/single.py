"""Runs jobs for a command, in place of an engine: nothing is watched or scheduled."""

import threading
from collections.abc import Callable
from typing import Final

from engine.core.lifecycle import Run
from engine.execution.attendance import is_attended
from engine.host.memory_release import give_back_code
from engine.ports import Clock, Journal
from engine.service.running import Running
from engine.service.session import OpenSession
from engine.service.threads import Threads


class SingleRun:
    """Settles leftovers, and starts the runs that this command and other commands wait for."""

    def __init__(
        self, session: OpenSession, journal: Journal, clock: Clock, *, serves: Callable[[str], bool]
    ) -> None:
        """`serves` returns for an id whether this command has requested the run."""
        state_dir = session.config.state_dir

        def serves_run(run: Run) -> bool:
            return serves(run.id) or is_attended(state_dir, run.id)

        self._threads: Final = Threads(
            clock=clock, journal=journal, lock=session.lock, ended=threading.Event()
        )
        self._running: Final = Running(
            session, clock=clock, journal=journal, threads=self._threads, serves=serves_run
        )

    @property
    def trouble(self) -> BaseException | None:
        """The error that ended a loop permanently."""
        return self._threads.trouble

    @property
    def should_yield(self) -> bool:
        """Whether an engine asks for the state folder."""
        return self._threads.should_yield.is_set()

    def start(self) -> None:
        """Start every loop."""
        self._running.take_over()
        self._threads.start()
        give_back_code()

    def wake(self) -> None:
        """Check the ledger now: it was written to."""
        self._threads.wake()

    def stop(self) -> None:
        """Stop cleanly. Running jobs continue under their supervisors."""
        self._running.stop()
