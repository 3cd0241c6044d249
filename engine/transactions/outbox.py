"""Notifications for a record, noted in the transaction of the record itself."""

import json
from datetime import datetime

from engine.core.lifecycle import OPEN_STATES, Run, RunState
from engine.core.notices import TROUBLE, notices
from engine.core.records import Owed
from engine.ledger.store_ports import Notifications
from jobfile.model.hashing import sha256
from jobfile.model.jobs import JobSpec


def owe_for_run(store: Notifications, run: Run, spec: JobSpec, *, now: datetime) -> None:
    """Note the notifications for the state of a run, if it is final."""
    if not spec.notify or run.state in OPEN_STATES:
        return
    about: dict[str, object] = {
        "run": run.id,
        "scheduled_for": run.scheduled_for.isoformat(),
        "state": run.state.value,
        "reason": run.reason,
        "detail": run.detail,
        "attempt": run.attempt,
        "exit_code": run.exit_code,
    }
    previous = _event_before(store, run) if run.state is RunState.SUCCEEDED else ""
    _owe(store, spec, run.state, key=run.id, run_id=run.id, about=about, previous=previous, now=now)


def owe_for_gap(
    store: Notifications,
    spec: JobSpec,
    *,
    first_at: datetime,
    last_at: datetime,
    count: int,
    state: RunState,
    reason: str,
    now: datetime,
) -> None:
    """Note one notification for many occurrences that did not run."""
    if not spec.notify:
        return
    about: dict[str, object] = {
        "first_at": first_at.isoformat(),
        "last_at": last_at.isoformat(),
        "count": count,
        "state": state.value,
        "reason": reason,
    }
    _owe(
        store,
        spec,
        state,
        key=f"{spec.name}/{first_at.isoformat()}",
        run_id="",
        about=about,
        previous="",
        now=now,
    )


def _owe(
    store: Notifications,
    spec: JobSpec,
    state: RunState,
    *,
    key: str,
    run_id: str,
    about: dict[str, object],
    previous: str,
    now: datetime,
) -> None:
    for event, channels in notices(spec, state, previous=previous).items():
        body = json.dumps({"event": event, "job": spec.name, **about}, sort_keys=True)
        for channel in channels:
            # The same event keeps its id, even if the engine dies several times before it is sent.
            name = sha256(f"{key}\0{event}\0{channel}".encode()).hexdigest()[:32]
            store.outbox.add(
                Owed(id=name, at=now, event=event, channel=channel, job=spec.name, run_id=run_id, body=body)
            )


def _event_before(store: Notifications, run: Run) -> str:
    """The event of the job's previous end: a success after a failure is a recovery."""
    since = run.scheduled_for.replace(year=1971, month=1, day=1)
    newest = store.newest_ends(run.job, since=since, limit=2)
    before = newest[1] if len(newest) > 1 else None
    return TROUBLE[0] if before is not None and before is not RunState.SUCCEEDED else ""
