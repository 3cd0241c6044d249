"""Runs jobs without an engine: a command takes the engine's place while it needs it."""

import time
from collections.abc import Callable

from engine.asking.place import Place
from engine.core.errors import EngineRunningError
from engine.host.clock import SystemClock
from engine.host.lock import lock_holder
from engine.journal.file import LogFile
from engine.journal.stream import EventStream
from engine.service.session import open_session
from engine.service.single import SingleRun

TRY_SECONDS = 0.1
"""How often a command checks whether the engine's place is free, in seconds."""
GIVE_WAY_SECONDS = 2.0
"""How long a command waits after it saw an engine, so that a restarting engine comes first."""


class Alone:
    """Takes the engine's place while it is free: settles leftovers and starts the runs that it serves.

    Several commands work side by side: one has the place and starts the runs of all that wait. When it
    ends, the next one takes the place. An engine that starts gets it at once.
    """

    def __init__(self, place: Place, command: str, serves: Callable[[str], bool]) -> None:
        """`command` is the name shown to others; `serves` selects, by id, the runs that it starts."""
        self._place = place
        self._command = command
        self._serves = serves
        self._service: SingleRun | None = None
        self._not_before = 0.0

    def __enter__(self) -> "Alone":
        """Does nothing yet; `look` takes the place."""
        return self

    def __exit__(self, *_: object) -> None:
        """Give the place back. Running jobs continue under their supervisors."""
        self._leave()

    def look(self) -> None:
        """Take the place if it is free; leave it if an engine asks for it. Call it often."""
        service = self._service
        if service is not None:
            if service.trouble is not None:
                raise service.trouble
            if service.should_yield:
                self._leave()
                self._not_before = time.monotonic() + GIVE_WAY_SECONDS
        elif time.monotonic() >= self._not_before:
            self._take()

    @property
    def is_in_place(self) -> bool:
        """Whether this command has the engine's place now."""
        return self._service is not None

    def wake(self) -> None:
        """Note that something was written to the ledger."""
        if self._service is not None:
            self._service.wake()

    def _take(self) -> None:
        self._not_before = time.monotonic() + TRY_SECONDS
        holder = lock_holder(self._place.state_dir)
        if holder is not None:
            if holder.is_engine:
                self._not_before = time.monotonic() + GIVE_WAY_SECONDS
            return
        clock, config = SystemClock(), self._place.config
        journal = EventStream(LogFile(config.state_dir / "engine.log"), clock=clock)
        try:
            session = open_session(config, journal, clock, command=self._command)
        except EngineRunningError:  # another process was faster
            if config.store:  # or the ledger belongs to another host: each try would connect to the server
                self._not_before = time.monotonic() + GIVE_WAY_SECONDS
            return
        service = SingleRun(session, journal, clock, serves=self._serves)
        service.start()
        self._service = service

    def _leave(self) -> None:
        service, self._service = self._service, None
        if service is not None:
            service.stop()
