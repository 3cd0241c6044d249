"""The port of a ledger for the steps of runs. A store has it as `steps`.

Every method that writes must be called inside a transaction of the store.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from engine.core.lifecycle import AttemptKey, Outcome, Run, Verdict
    from engine.core.records import StepOfRun
    from engine.core.step_states import StepKey, StepRun


class Steps(Protocol):
    """The steps of runs: their states, and which may start."""

    def of_run(self, run_id: str) -> tuple[StepRun, ...]:
        """The decided steps of a run and their items, by name and item."""
        ...

    def set(self, run_id: str, steps: Iterable[StepRun]) -> None:
        """Record the state of steps."""
        ...

    def drop(self, run_id: str, steps: Iterable[StepKey]) -> None:
        """Forget what was decided about steps: a retry of the run decides it again."""
        ...

    def begin_round(self, run: Run, *, now: datetime) -> bool:
        """Start a run, or its retry. False, and nothing changes, when it may not start now."""
        ...

    def end_round(self, run: Run, verdict: Verdict) -> bool:
        """Record how a run ended whose steps are over. False when it has changed since it was read."""
        ...

    def startable(self, *, now: datetime, limit: int) -> tuple[StepOfRun, ...]:
        """Steps that may start now, those of older runs first."""
        ...

    def next_wake(self, *, now: datetime) -> datetime | None:
        """The earliest instant after `now` at which a step is retried."""
        ...

    def start(self, run_id: str, step: StepKey, *, boot_id: str, now: datetime) -> AttemptKey | None:
        """Record the intent to execute a step, as its next attempt; None when it may not start any more."""
        ...

    def end_attempt(self, attempt: AttemptKey, verdict: Verdict, outcome: Outcome) -> bool:
        """Record the end of a step's attempt. False when it was recorded already."""
        ...

    def stopping(self) -> tuple[Run, ...]:
        """Runs with steps that are being ended and that have no running attempt."""
        ...
