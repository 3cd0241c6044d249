"""The end of a run's attempt: its verdict and what follows from it, in the caller's transaction."""

from dataclasses import replace
from datetime import datetime

from engine.core.artifacts import artifacts_of
from engine.core.events import Event, OutputsUndeclared, RunSettled
from engine.core.lifecycle import Ended, Outcome, Run, RunState
from engine.core.outputs import outputs_of
from engine.core.retry import settle
from engine.ledger.store_ports import Execution
from engine.notifications.noting import owe_for_run
from engine.transactions.lateness import note_long_run
from engine.transactions.odd import note_odd
from engine.transactions.pause import pause_after_failures
from engine.transactions.stop import why_gone
from jobfile.model.jobs import JobSpec


def settle_attempt(
    store: Execution, run: Run, spec: JobSpec, outcome: Outcome, *, now: datetime
) -> list[Event] | None:
    """Record the end of an attempt, with notifications and an automatic pause; None if `run` is outdated."""
    outputs = outputs_of(outcome, spec)
    verdict = settle(run, outcome, spec=spec, now=now, outputs=outputs)
    if verdict.run_state is RunState.RETRY_WAIT and (gone := why_gone(store, run)):
        verdict = settle(run, outcome, spec=spec, now=now, gone=gone, outputs=outputs)
    if not store.settle(run, verdict, outcome):
        return None
    if spec.outputs:
        store.past.set_outputs(run.last_attempt, outputs.values)
    store.artifacts.add(run.last_attempt, artifacts_of(outcome))
    settled = replace(
        run,
        state=verdict.run_state,
        reason=verdict.reason,
        detail=verdict.detail,
        ended_at=verdict.ended_at,
        retry_at=verdict.retry_at,
        exit_code=outcome.exit_code if isinstance(outcome, Ended) else None,
    )
    seconds = None
    if isinstance(outcome, Ended):
        length = outcome.ended_at - outcome.started_at
        seconds = length.total_seconds()
        note_odd(store, settled, spec, length=length, outputs=outputs.values, now=now)
    late = note_long_run(store, settled, spec, now=now)
    owe_for_run(store, settled, spec, now=now)
    reports: list[Event] = [RunSettled(run=settled, number=run.attempt, seconds=seconds)]
    if outputs.undeclared:
        reports.append(OutputsUndeclared(run=settled, number=run.attempt, names=outputs.undeclared))
    return reports + late + pause_after_failures(store, settled, spec, now=now)
