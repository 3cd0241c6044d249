"""Loop: check every attempt without an end; find those that ended unnoticed, and send stop requests."""

from collections.abc import Callable
from pathlib import Path

from engine.config import EngineConfig
from engine.core.lifecycle import AttemptState, RunState
from engine.core.records import LiveAttempt
from engine.ledger.store_ports import Execution
from engine.ports import Alive, Launcher, Stop

LOOK_SECONDS = 1.0


class Rescuer:
    """Finds ended attempts; the worker settles them."""

    def __init__(
        self,
        *,
        store: Execution,
        launcher: Launcher,
        config: EngineConfig,
        notice: Callable[[str], None],
    ) -> None:
        """`notice` takes the id of an attempt that seems to have ended."""
        self._store = store
        self._launcher = launcher
        self._config = config
        self._notice = notice

    def tick(self) -> float:
        """Check once; returns the seconds until the next check."""
        live = self._store.live_attempts()
        proven = []
        for one in live:
            evidence = self._launcher.evidence(self._folder(one), boot_id=one.attempt.boot_id)
            if not isinstance(evidence, Alive):
                self._notice(one.attempt.id)
                continue
            if evidence.started_at is not None and one.attempt.state is AttemptState.STARTING:
                proven.append((one.attempt, evidence.started_at))
            self._launcher.keep_going(self._folder(one))
            self._pass_on_stop(one)
        if proven:
            with self._store.transaction():
                for attempt, started_at in proven:
                    self._store.mark_running(attempt, started_at=started_at)
        return LOOK_SECONDS

    def _pass_on_stop(self, one: LiveAttempt) -> None:
        """Send a stop request of the ledger at each check: one may get lost,
        and a repeated one changes nothing.
        """
        if one.run_state is RunState.CANCELLING:
            self._launcher.stop(self._folder(one), Stop(one.stop_requested))

    def _folder(self, one: LiveAttempt) -> Path:
        return self._config.attempt_dir(one.attempt.key)
