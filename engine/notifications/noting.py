"""Notifications for a record, noted in the transaction of the record itself.

Only facts are noted, in the column `body` of the outbox. The sender makes the message: its form depends on
the channel, and more may be known by then.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime

from engine.core.due import NotRun
from engine.core.lifecycle import Run, RunState
from engine.core.notices import TROUBLE, notices
from engine.core.occurrences import deciding, is_over, newest_of_each
from engine.core.records import Owed
from engine.ledger.store_ports import Notifications
from jobfile.model.hashing import sha256
from jobfile.model.jobs import JobSpec

Facts = Mapping[str, object]
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


def owe_for_run(store: Notifications, run: Run, spec: JobSpec, *, now: datetime) -> None:
    """Note the notifications for the state of a run, if it is final; for a matrix, when all runs are."""
    if not spec.notify:
        return
    if run.occurrence:
        runs = store.runs_of(run.occurrence)
        if not is_over(runs):
            return
        run = deciding(newest_of_each(runs))
    facts = {
        "run": run.id,
        "scheduled_for": run.scheduled_for.isoformat(),
        "state": run.state.value,
        "reason": run.reason,
        "detail": run.detail,
        "attempt": run.attempt,
        "exit_code": run.exit_code,
        **({"matrix": dict(run.matrix)} if run.matrix else {}),
    }
    previous = _event_before(store, run) if run.state is RunState.SUCCEEDED else ""
    found = notices(spec, run.state, previous=previous)
    _owe(store, spec.name, found, facts, key=run.id, run_id=run.id, now=now)


def owe_for_gap(store: Notifications, not_run: NotRun, spec: JobSpec, *, now: datetime) -> None:
    """Note one notification for many occurrences that did not run."""
    if not spec.notify:
        return
    first_at = not_run.first.isoformat()
    facts = {
        "first_at": first_at,
        "last_at": not_run.last.isoformat(),
        "count": not_run.count,
        "state": not_run.state.value,
        "reason": not_run.reason,
    }
    found = notices(spec, not_run.state)
    _owe(store, spec.name, found, facts, key=f"{spec.name}/{first_at}", run_id="", now=now)


def _owe(
    store: Notifications,
    job: str,
    found: Mapping[str, tuple[str, ...]],
    facts: Facts,
    *,
    key: str,
    run_id: str,
    now: datetime,
) -> None:
    for event, channels in found.items():
        text = json.dumps({"event": event, "job": job, **facts}, sort_keys=True)
        for channel in channels:
            # The same event keeps its id, even if the engine dies several times before it is sent.
            name = sha256(f"{key}\0{event}\0{channel}".encode()).hexdigest()[:32]
            store.outbox.add(
                Owed(id=name, at=now, event=event, channel=channel, job=job, run_id=run_id, facts=text)
            )


def _event_before(store: Notifications, run: Run) -> str:
    """The event of the job's previous end: a success after a failure is a recovery."""
    newest = store.newest_ends(run.job, since=_BEGINNING, limit=2, combinations=run.combinations)
    before = newest[1] if len(newest) > 1 else None
    return TROUBLE[0] if before is not None and before is not RunState.SUCCEEDED else ""
