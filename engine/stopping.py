"""End what runs, where an engine is told to take its jobs with it."""

import threading
from collections.abc import Callable

from engine.ledger import Store
from engine.lifecycle import RunState
from engine.ports import Clock, Stop

STOP_SLACK_SECONDS = 10.0
"""Beyond the longest grace of what runs, so long is waited for it to end."""
STOP_LOOK_SECONDS = 0.05


def stop_running(
    store: Store, clock: Clock, *, why: str, wake: Callable[[], None], asked_again: threading.Event
) -> bool:
    """Cancel everything that runs and wait, no longer than its grace; whether all of it has ended.

    Whoever asks the engine to end once more does not wait for it.
    """
    until = None
    while store.live_attempts():
        with store.transaction():
            running = [run for run in store.open_runs() if run.state is RunState.RUNNING]
            for run in running:
                store.request_stop(run.id, Stop.CANCEL, reason="stopped", detail=why, now=clock.now())
        if running:
            graces = [store.definition(run.digest).kill_grace.total_seconds() for run in running]
            until = clock.elapsed() + max(graces) + STOP_SLACK_SECONDS
            wake()
        is_too_late = until is not None and clock.elapsed() >= until
        if is_too_late or asked_again.wait(STOP_LOOK_SECONDS):
            return False
    return True
