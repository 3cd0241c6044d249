"""Records what is unusual about a success, in the transaction of its end."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from engine.core.lifecycle import Run, RunState
from engine.core.usual import DURATION, HISTORY, odd
from engine.ledger.store_ports import Pausing
from engine.notifications.noting import owe_for_odd
from jobfile.model.jobs import JobSpec
from jobfile.model.values import Value


def note_odd(
    store: Pausing,
    run: Run,
    spec: JobSpec,
    *,
    length: timedelta,
    outputs: Mapping[str, Value],
    now: datetime,
) -> None:
    """Compare a success with those before it, if its job wants that, and note the notifications."""
    if not spec.expect.usual or run.state is not RunState.SUCCEEDED:
        return
    numbers = {
        name: float(value)
        for name, value in outputs.items()
        if isinstance(value, (int, float)) and not isinstance(value, bool)
    }
    history = {name: store.lateness.numbers(run.job, name, besides=run.id, limit=HISTORY) for name in numbers}
    lengths = store.lateness.durations(run.job, besides=run.id, limit=HISTORY)
    history[DURATION] = tuple(one.total_seconds() for one in lengths)
    found = odd(run.id, {**numbers, DURATION: length.total_seconds()}, history)
    store.lateness.add_odd(found)
    if found:
        owe_for_odd(store, run, spec, found, now=now)
