"""End runs on purpose: all runs of an engine that stops its jobs, and requests whose command has ended."""

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from engine.core.events import Event, RunSettled
from engine.core.lifecycle import Run, RunState, TriggerKind
from engine.core.reasons import Reason
from engine.ledger.store_ports import Stopping
from engine.ports import Clock, Stop

STOP_SLACK_SECONDS = 10.0
"""How many seconds to wait for runs to end, beyond their longest grace."""
STOP_LOOK_SECONDS = 0.05


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


def withdraw(store: Stopping, run: Run, *, now: datetime) -> list[Event]:
    """End a run that no command waits for any more, inside the caller's transaction."""
    detail = run.requested_by
    if not store.request_stop(run.id, Stop.CANCEL, reason=Reason.WITHDRAWN, detail=detail, now=now):
        return []
    ended = replace(run, state=RunState.CANCELLED, reason=Reason.WITHDRAWN, detail=detail, ended_at=now)
    return [RunSettled(run=ended, number=run.attempt, seconds=None)]


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
