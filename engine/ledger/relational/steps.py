"""The steps of runs."""

from collections.abc import Iterable
from datetime import datetime

from engine.core.lifecycle import AttemptKey, Outcome, Run, Verdict
from engine.core.records import StepOfRun
from engine.core.step_states import StepKey, StepRun
from engine.ledger.connection import Connection
from engine.ledger.relational.histograms import count_end, count_start
from engine.ledger.rows import attempt_end_to_row, run_from_row, step_from_row, step_to_row, to_us


class LedgerSteps:
    """Every method that writes runs inside the store's transaction."""

    def __init__(self, connection: Connection) -> None:
        """Take the store's connection."""
        self._db = connection

    def of_run(self, run_id: str) -> tuple[StepRun, ...]:
        return tuple(one.step for one in self._db.all(step_from_row, "step.steps", {"run_id": run_id}))

    def set(self, run_id: str, steps: Iterable[StepRun]) -> None:
        for one in steps:
            self._db.write("step.set_step", step_to_row(run_id, one))

    def drop(self, run_id: str, steps: Iterable[StepKey]) -> None:
        for key in steps:
            self._db.write("step.drop_step", {"run_id": run_id, **key._asdict()})

    def begin_round(self, run: Run, *, now: datetime) -> bool:
        values = {"id": run.id, "attempt": run.attempt, "now": to_us(now)}
        if self._db.write("step.begin_round", values) != 1:
            return False
        count_start(self._db, run, now=now)
        return True

    def end_round(self, run: Run, verdict: Verdict) -> bool:
        run.state.assert_becomes(verdict.run_state)
        values = {
            "id": run.id,
            "attempt": run.attempt,
            "from_state": run.state.value,
            "state": verdict.run_state.value,
            "reason": verdict.reason,
            "detail": verdict.detail,
            "ended_at": to_us(verdict.ended_at) if verdict.run_state.is_final else None,
            "retry_at": None if verdict.retry_at is None else to_us(verdict.retry_at),
        }
        if self._db.write("step.end_round", values) != 1:
            return False
        if verdict.run_state.is_final:
            count_end(self._db, run, started_at=run.started_at, ended_at=verdict.ended_at)
        return True

    def startable(self, *, now: datetime, limit: int) -> tuple[StepOfRun, ...]:
        return self._db.all(step_from_row, "step.startable_steps", {"now": to_us(now), "limit": limit})

    def next_wake(self, *, now: datetime) -> datetime | None:
        return self._db.instant("step.next_step_wake", {"now": to_us(now)})

    def start(self, run_id: str, step: StepKey, *, boot_id: str, now: datetime) -> AttemptKey | None:
        self._db.refuse_outside_transaction("step.start_step")
        row = self._db.row("step.start_step", {"run_id": run_id, **step._asdict()})
        if row is None:
            return None
        key = AttemptKey(run_id, row["attempt"], step.step, step.item)
        self._db.write("attempt.add_attempt", {**key._asdict(), "boot_id": boot_id, "now": to_us(now)})
        return key

    def end_attempt(self, attempt: AttemptKey, verdict: Verdict, outcome: Outcome) -> bool:
        return self._db.write("attempt.end_attempt", attempt_end_to_row(attempt, verdict, outcome)) == 1

    def stopping(self) -> tuple[Run, ...]:
        return self._db.all(run_from_row, "step.stopping")
