"""Notifications for a record, noted in the transaction of the record itself.

Only facts are noted, in the column `body` of the outbox. The sender makes the message: its form depends on
the channel, and more may be known by then.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime

from engine.core.due import NotRun
from engine.core.lateness import Late
from engine.core.lifecycle import Run, RunState
from engine.core.notices import TROUBLE, notices
from engine.core.occurrences import deciding, is_over, newest_of_each
from engine.core.records import Owed
from engine.ledger.store_ports import Notifications
from jobfile.model.hashing import sha256
from jobfile.model.jobs import JobSpec

Facts = Mapping[str, object]
LATE = "late"
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


def owe_for_run(store: Notifications, run: Run, spec: JobSpec, *, now: datetime) -> None:
    """Note the notifications for the state of a run, if it is final; for a matrix, when all runs are.

    A success also ends what its job was late with.
    """
    is_recovery = run.state is RunState.SUCCEEDED and _end_late(store, run, now=now)
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
    is_success = run.state is RunState.SUCCEEDED
    previous = LATE if is_recovery and is_success else _event_before(store, run) if is_success else ""
    found = notices(spec, run.state, previous=previous)
    _owe(store, spec.name, found, facts, key=run.id, run_id=run.id, now=now)


def owe_for_late(store: Notifications, late: Late, spec: JobSpec, *, now: datetime) -> None:
    """Note the notifications that a job is late."""
    facts = {
        "kind": late.kind.value,
        "since": late.since.isoformat(),
        "limit_seconds": None if late.limit is None else late.limit.total_seconds(),
        "scheduled_for": None if late.scheduled_for is None else late.scheduled_for.isoformat(),
        "run": late.run_id or None,
    }
    key = f"{late.job}/{late.kind.value}/{late.about}"
    channels = {LATE: tuple(one.name for one in spec.notify.get(LATE, ()))}
    _owe(store, late.job, channels, facts, key=key, run_id=late.run_id, now=now)


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


def _end_late(store: Notifications, run: Run, *, now: datetime) -> bool:
    """Record that a success ends what its job was late with; for a matrix, the success of all its runs."""
    if run.occurrence:
        runs = newest_of_each(store.runs_of(run.occurrence))
        if not is_over(runs) or deciding(runs).verdict is not RunState.SUCCEEDED:
            return False
    return store.lates.end(run.job, now=now) > 0


def _event_before(store: Notifications, run: Run) -> str:
    """The event of the job's previous end: a success after a failure is a recovery."""
    newest = store.newest_ends(run.job, since=_BEGINNING, limit=2, combinations=run.combinations)
    before = newest[1] if len(newest) > 1 else None
    return TROUBLE[0] if before is not None and before is not RunState.SUCCEEDED else ""
