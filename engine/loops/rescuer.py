"""Loop: check every attempt without an end; find those that ended unnoticed, and send stop requests."""

from collections.abc import Callable

from engine.core.lifecycle import AttemptState
from engine.hosts.executor import Executor
from engine.ledger.store_ports import Execution

LOOK_SECONDS = 1.0


class Rescuer:
    """Finds ended attempts; the worker settles them."""

    def __init__(self, *, store: Execution, executor: Executor, notice: Callable[[str], None]) -> None:
        """`notice` takes the id of an attempt that seems to have ended."""
        self._store = store
        self._executor = executor
        self._notice = notice

    def tick(self) -> float:
        """Check once; returns the seconds until the next check."""
        checked = self._executor.check(self._store.live_attempts())
        for name in checked.over:
            self._notice(name)
        proven = [
            (attempt, started_at)
            for attempt, started_at in checked.alive
            if started_at is not None and attempt.state is AttemptState.STARTING
        ]
        if proven:
            with self._store.transaction():
                for attempt, started_at in proven:
                    self._store.mark_running(attempt, started_at=started_at)
        return LOOK_SECONDS
