"""Checks `expect` for an ended attempt: looks at the disk, without waiting for a slow one."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from engine.actions.expecting import unmet_on_disk
from engine.config import EngineConfig
from engine.core.lifecycle import AttemptKey, Ended, Run, StartError
from engine.host.patience import NoAnswerError, NotYetError
from engine.ledger.store_ports import Execution
from engine.ports import Clock
from engine.transactions.steps import has_steps

CHECK_SECONDS: Final = 60.0
"""How long the end of an attempt waits for the disk; after that, the checks have failed."""


class Outcomes:
    """Adds to the end of an attempt which check of `expect` it does not pass."""

    def __init__(
        self,
        store: Execution,
        config: EngineConfig,
        clock: Clock,
        *,
        config_for: Callable[[Run], EngineConfig | None],
        ahead: Callable[[], timedelta],
    ) -> None:
        """`config_for` returns the settings with the main file beside which a run was executed, and `ahead`
        how far the ledger's clock is ahead of this host's.
        """
        self._ahead = ahead
        self._config_for = config_for
        self._store = store
        self._config = config
        self._clock = clock
        self._asked_at: dict[str, float] = {}

    def judged(
        self, attempt: AttemptKey, run: Run | None, ended: Ended | StartError
    ) -> Ended | StartError | None:
        """The end of an attempt as it counts; None while the disk has not answered."""
        if isinstance(ended, StartError):
            return ended
        run = run or self._store.run(attempt.run_id)
        if run is None or not (spec := self._store.definition(run.digest)).expect.looks_at_disk:
            return ended
        if not has_steps(spec) and (ended.exit_code != 0 or ended.stopped or ended.timed_out):
            return ended  # a step may fail and its run succeed
        attempts = self._last_of_each_step(attempt) if has_steps(spec) else [attempt]
        began_at = self._began_at(run, ended)
        asked_at = self._asked_at.setdefault(attempt.id, self._clock.elapsed())
        config = self._config_for(run) or self._config
        try:
            pieces = self._store.pieces
            unmet = unmet_on_disk(run, spec, attempts, config, began_at=began_at, pieces=pieces)
        except (NotYetError, NoAnswerError):
            if self._clock.elapsed() - asked_at < CHECK_SECONDS:
                return None
            unmet = f"what it left could not be checked within {CHECK_SECONDS:.0f} seconds"
        del self._asked_at[attempt.id]
        return replace(ended, unmet=unmet)

    def _began_at(self, run: Run, ended: Ended) -> datetime:
        """When a run began, on the clock of this host, which stamps the files here. An attempt has its start
        on that clock; that of the run is on the ledger's, and converting it is not exact.
        """
        begins = [ended.started_at]
        if run.started_at is not None:
            begins.append(run.started_at - self._ahead())
        return min(begins)

    def _last_of_each_step(self, attempt: AttemptKey) -> list[AttemptKey]:
        """The newest attempts of the run's steps and items; the one that has just ended is the last."""
        found = {one.key[2:]: one.key for one in self._store.past.attempts(attempt.run_id)}
        found.pop(attempt[2:], None)
        return [*found.values(), attempt]
