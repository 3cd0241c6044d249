"""Notifications for a record, noted in the transaction of the record itself.

Only facts are noted, in the column `body` of the outbox. The sender makes the message: its form depends on
the channel, and more may be known by then.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

from engine.core.due import NotRun
from engine.core.lateness import Late
from engine.core.lifecycle import Run, RunState
from engine.core.notices import STARTED, TROUBLE, end_pings, notices, ping_channel
from engine.core.occurrences import deciding, is_over, newest_of_each
from engine.core.records import Odd, Owed
from engine.core.usual import odd_words
from engine.ledger.event_ports import Outbox
from engine.ledger.past_ports import Past
from engine.ledger.store_ports import Notifications
from engine.notifications.digests import DIGEST, DueDigest
from engine.notifications.system_channels import (
    CHANNELS_FACT,
    KnownChannel,
    channels_from_text,
    channels_to_text,
)
from jobfile.model.hashing import sha256
from jobfile.model.jobs import JobSpec

Facts = Mapping[str, object]
LATE, ODD = "late", "odd"
CONFIG_CHANNEL: Final = "config"
ENGINE_CHANNEL: Final = "engine"
NOT_RUN: Final = (RunState.SKIPPED, RunState.MISSED)
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


def owe_for_run(store: Notifications, run: Run, spec: JobSpec, *, now: datetime) -> None:
    """Note the notifications for the state of a run, if it is final; for a matrix, when all runs are.

    A success also ends what its job was late with.
    """
    is_recovery = run.state is RunState.SUCCEEDED and _end_late(store, run, now=now)
    if not spec.notify and not spec.ping:
        return
    if run.occurrence:
        runs = store.runs_of(run.occurrence)
        if not is_over(runs):
            return
        run = deciding(newest_of_each(runs))
    before = _end_before(store, run)
    is_trouble = is_recovery or (before is not None and before is not RunState.SUCCEEDED)
    if run.state is RunState.SUCCEEDED and not is_trouble:
        is_trouble = _was_missed(store, run)
    found = notices(spec, run.state, previous=TROUBLE[0] if is_trouble else "")
    facts = facts_of_run(run, previous=before)
    # The name of the run: its definition may be from before the job was renamed.
    for owed in (found, end_pings(spec, run.job, run.state)):
        _owe(store, run.job, owed, facts, key=run.id, run_id=run.id, now=now)


def owe_for_start(store: "_Noting", run: Run, spec: JobSpec, *, now: datetime) -> None:
    """Note the ping about the start of a run; for a matrix, one about the first of its runs."""
    if not spec.ping or run.attempt:
        return
    facts = {"run": run.id, "scheduled_for": run.scheduled_for.isoformat(), "state": STARTED}
    found = {STARTED: (ping_channel(run.job),)}
    # A turn settles ends before it starts what they kept from starting: the times must have that order, too.
    at = now + timedelta.resolution
    _owe(store, run.job, found, facts, key=run.occurrence or run.id, run_id=run.id, now=at)


def facts_of_run(run: Run, *, previous: RunState | None) -> Facts:
    """The facts about a run that is over; `previous` is how the job's run before it ended."""
    return {
        "run": run.id,
        "scheduled_for": run.scheduled_for.isoformat(),
        "state": run.state.value,
        "reason": run.reason,
        "detail": run.detail,
        "attempt": run.attempt,
        "exit_code": run.exit_code,
        **({"matrix": dict(run.matrix)} if run.matrix else {}),
        **({"previous": previous.value} if previous is not None else {}),
    }


def owe_for_late(store: Notifications, late: Late, spec: JobSpec, *, now: datetime) -> None:
    """Note the notifications that a job is late."""
    facts = facts_of_late(late)
    key = f"{late.job}/{late.kind.value}/{late.about}"
    channels = {LATE: tuple(one.name for one in spec.notify.get(LATE, ()))}
    _owe(store, late.job, channels, facts, key=key, run_id=late.run_id, now=now)


def owe_for_odd(
    store: Notifications, run: Run, spec: JobSpec, found: Sequence[Odd], *, now: datetime
) -> None:
    """Note the notifications that a success is far from those before it."""
    channels = {ODD: tuple(one.name for one in spec.notify.get(ODD, ()))}
    _owe(store, run.job, channels, facts_of_odd(run, found), key=run.id, run_id=run.id, now=now)


def facts_of_odd(run: Run, found: Sequence[Odd]) -> Facts:
    """The facts about an unusual success."""
    said = "; ".join(odd_words(one).removeprefix("odd: ") for one in found)
    return {**facts_of_run(run, previous=None), "reason": "", "detail": said}


def facts_of_late(late: Late) -> Facts:
    """The facts about a job that is late."""
    return {
        "kind": late.kind.value,
        "since": late.since.isoformat(),
        "limit_seconds": None if late.limit is None else late.limit.total_seconds(),
        "scheduled_for": None if late.scheduled_for is None else late.scheduled_for.isoformat(),
        "run": late.run_id or None,
    }


def owe_for_gap(store: Notifications, not_run: NotRun, spec: JobSpec, *, now: datetime) -> None:
    """Note one notification for many occurrences that did not run."""
    if not spec.notify and not spec.ping:
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
    key = f"{spec.name}/{first_at}"
    _owe(store, spec.name, found, facts, key=key, run_id="", now=now)
    _owe(store, spec.name, end_pings(spec, spec.name, not_run.state), facts, key=key, run_id="", now=now)


class EngineNotes(Protocol):
    """The parts of a store that a note about the engine needs."""

    past: Past
    outbox: Outbox


def owe_for_engine(store: EngineNotes, channel: str, event: str, facts: Facts, *, now: datetime) -> None:
    """Note a notification about the engine or the job files, if the files have the channel for it."""
    if channel not in channels_from_text(store.past.fact(CHANNELS_FACT, default="")):
        return
    _owe(store, "", {event: (channel,)}, facts, key=f"{channel}/{now.isoformat()}", run_id="", now=now)


def owe_for_hold(store: EngineNotes, kind: str, *, begins: bool, detail: str, now: datetime) -> None:
    """Note that the engine starts nothing from now on, or that it starts runs again."""
    event = "held" if begins else "released"
    owe_for_engine(store, ENGINE_CHANNEL, event, {"kind": str(kind), "detail": detail}, now=now)


def owe_for_digest(store: EngineNotes, due: DueDigest, facts: Facts, *, now: datetime) -> None:
    """Note a digest: its id follows from its channel and its time, so that it is the same however often."""
    facts = {**facts, "since": due.since.isoformat(), "until": due.until.isoformat()}
    key = f"{DIGEST}/{due.until.isoformat()}"
    _owe(store, due.lane, {DIGEST: (due.channel,)}, facts, key=key, run_id="", now=now)


def note_channels(store: EngineNotes, channels: Mapping[str, KnownChannel]) -> None:
    """Note the system channels of accepted files, if they have changed."""
    text = channels_to_text(channels)
    if text != store.past.fact(CHANNELS_FACT, default=""):
        store.past.note(CHANNELS_FACT, text)


class _Noting(Protocol):
    outbox: Outbox


def _owe(
    store: _Noting,
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
    return store.lateness.end(run.job, now=now) > 0


def _was_missed(store: Notifications, run: Run) -> bool:
    """Whether the job has missed an occurrence since its success before this one."""
    runs = store.runs_of(run.occurrence) if run.occurrence else (run,)
    ends = [one.ended_at for one in runs if one.ended_at is not None]
    return bool(ends) and store.was_missed(run.job, before=min(ends))


def _end_before(store: Notifications, run: Run) -> RunState | None:
    """How the job's run before this one ended; a run that was not executed is not among the ends."""
    newest = store.newest_ends(run.job, since=_BEGINNING, limit=2, combinations=run.combinations)
    others = newest[1:] if run.attempt and run.state.is_final and run.state not in NOT_RUN else newest
    return others[0] if others else None
