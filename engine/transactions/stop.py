"""End runs on purpose: all runs of an engine that stops its jobs, and requests whose command has ended."""

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Protocol

from engine.core.events import Event, RunSettled
from engine.core.lifecycle import Run, RunState, TriggerKind
from engine.core.reasons import Reason
from engine.ledger.store_ports import Pausing, Stopping
from engine.notifications.noting import owe_for_run
from engine.ports import Clock, Stop
from engine.transactions.pause import pause_after_failures

STOP_SLACK_SECONDS = 10.0
"""How many seconds to wait for runs to end, beyond their longest grace."""
STOP_LOOK_SECONDS = 0.05


class Ending(Stopping, Pausing, Protocol):
    """For the callers that end a run which waits: nothing settles its end later."""


def stop_running(
    store: Stopping, clock: Clock, *, why: str, wake: Callable[[], None], asked_again: threading.Event
) -> bool:
    """Cancel all running jobs and wait, no longer than their grace; returns whether all have ended.

    A second request to end the engine stops the waiting.
    """
    until = None
    while store.live_attempts():
        with store.transaction():
            running = [run for run in store.open_runs() if run.state is RunState.RUNNING]
            for run in running:
                store.request_stop(run.id, Stop.CANCEL, reason=Reason.STOPPED, detail=why, now=clock.now())
        if running:
            graces = [store.definition(run.digest).kill_grace.total_seconds() for run in running]
            until = clock.elapsed() + max(graces) + STOP_SLACK_SECONDS
            wake()
        is_too_late = until is not None and clock.elapsed() >= until
        if is_too_late or asked_again.wait(STOP_LOOK_SECONDS):
            return False
    return True


def end_run(
    store: Ending, run: Run, how: Stop, *, reason: str, detail: str, now: datetime
) -> list[Event] | None:
    """End a run at once if it waits, else ask it to end; None if it is over already.

    A run that waits has no attempt whose end would be settled, so what follows from its end is recorded here.
    Call it inside a transaction in which `run` was read.
    """
    if not store.request_stop(run.id, how, reason=reason, detail=detail, now=now):
        return None
    if run.state not in (RunState.QUEUED, RunState.RETRY_WAIT):
        return []
    ended = replace(run, state=RunState.CANCELLED, reason=reason, detail=detail, ended_at=now, retry_at=None)
    spec = store.definition(run.digest)
    owe_for_run(store, ended, spec, now=now)
    settled = RunSettled(run=ended, number=run.attempt, seconds=None)
    return [settled, *pause_after_failures(store, ended, spec, now=now)]


def is_withdrawn(run: Run, *, by_command: bool) -> bool:
    """Whether a run ends because the command that requested it in the foreground has ended.

    A run that never started is withdrawn, because its user no longer waits for it. A retry continues if an
    engine is running, because the run was handed over to it; without an engine nothing would ever start it.
    """
    if run.trigger is not TriggerKind.MANUAL:
        return False
    return (run.state is RunState.QUEUED and run.attempt == 0) or (
        by_command and run.state is RunState.RETRY_WAIT
    )


def withdraw(store: Ending, run: Run, *, now: datetime) -> list[Event]:
    """End a run that no command waits for any more, inside the caller's transaction."""
    detail = run.requested_by
    return end_run(store, run, Stop.CANCEL, reason=Reason.WITHDRAWN, detail=detail, now=now) or []


def why_gone(store: Stopping, run: Run) -> str:
    """Why a run of this job is not retried; empty if it is retried, as is a job that was never applied."""
    if run.generation is None:
        return ""
    version = store.job_in_force(run.job)
    if version is None:
        return "the job was removed"
    # A requested run of a disabled job keeps its retries: only the schedule is off.
    is_off = run.trigger is not TriggerKind.MANUAL and not store.definition(version.digest).enabled
    return "the job was disabled" if is_off else ""
