"""Skips a run at the moment at which it could start: its `if` is false, or its file is gone."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from engine.core.conditions import unmet
from engine.core.events import Event, RunSettled
from engine.core.lifecycle import Run, RunState, TriggerKind
from engine.core.reasons import Reason
from engine.ledger.store_ports import Execution
from engine.notifications.noting import owe_for_run
from engine.transactions.templates import template_values, zone_of
from jobfile.expressions.expression import EvaluationError
from jobfile.model.jobs import JobSpec


def skip_in_vain(
    store: Execution, run: Run, spec: JobSpec, is_gone: Callable[[str], bool], *, now: datetime
) -> list[Event]:
    """Skip a run that has not started if its file is gone, or its job's condition is false; else nothing.

    A condition that cannot be evaluated skips nothing: the attempt fails with the reason.
    """
    if run.attempt:
        return []
    return _skip_gone(store, run, spec, is_gone=is_gone, now=now) or _skip_unmet(store, run, spec, now=now)


def _skip_unmet(store: Execution, run: Run, spec: JobSpec, *, now: datetime) -> list[Event]:
    if spec.condition is None:
        return []
    try:
        detail = unmet(spec.condition, lambda: _values(store, run, spec, now=now))
    except EvaluationError:
        return []
    return [] if detail is None else _skip(store, run, spec, Reason.CONDITION, detail, now=now)


def _skip_gone(
    store: Execution, run: Run, spec: JobSpec, *, is_gone: Callable[[str], bool], now: datetime
) -> list[Event]:
    """Skip a run whose file was removed. Its event is forgotten: if the file comes back, as with a share
    that was not mounted, it is a new one.
    """
    path = run.trigger_values.get("path")
    if run.trigger is not TriggerKind.FILE or not isinstance(path, str) or not is_gone(path):
        return []
    skipped = _skip(store, run, spec, Reason.FILE_GONE, "", now=now)
    store.trigger_events.forget_run(run.occurrence or run.id)
    return skipped


def _skip(
    store: Execution, run: Run, spec: JobSpec, reason: Reason, detail: str, *, now: datetime
) -> list[Event]:
    state = RunState.SKIPPED
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
