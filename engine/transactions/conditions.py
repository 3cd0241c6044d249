"""Skips a run whose `if` is false at the moment at which it could start."""

from dataclasses import replace
from datetime import datetime

from engine.core.conditions import unmet
from engine.core.events import Event, RunSettled
from engine.core.lifecycle import Run, RunState
from engine.core.reasons import Reason
from engine.ledger.store_ports import Execution
from engine.notifications.noting import owe_for_run
from engine.transactions.templates import template_values, zone_of
from jobfile.expressions.expression import EvaluationError
from jobfile.model.jobs import JobSpec


def skip_unless_met(store: Execution, run: Run, spec: JobSpec, *, now: datetime) -> list[Event]:
    """Skip a run that has not started if the condition of its job is false; nothing if it is met.

    A condition that cannot be evaluated skips nothing: the attempt fails with the reason.
    """
    if spec.condition is None or run.attempt:
        return []
    try:
        detail = unmet(spec.condition, lambda: _values(store, run, spec, now=now))
    except EvaluationError:
        return []
    if detail is None:
        return []
    state, reason = RunState.SKIPPED, Reason.CONDITION
    if not store.end_waiting(run.id, state=state, reason=reason, detail=detail, now=now):
        return []
    skipped = replace(run, state=state, reason=reason, detail=detail, ended_at=now)
    owe_for_run(store, skipped, spec, now=now)
    return [RunSettled(run=skipped, number=0, seconds=None)]


def _values(store: Execution, run: Run, spec: JobSpec, *, now: datetime) -> dict[str, object]:
    values, zone = template_values(spec, run), zone_of(spec)
    last = store.last_success(run.job, before=now)
    about = values["run"]
    assert isinstance(about, dict)
    about |= {
        "attempt": 1,
        "started_at": now.astimezone(zone),
        "previous_success": None if last is None else last.astimezone(zone),
    }
    return values
