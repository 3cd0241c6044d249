"""Ends queued runs that could not start in time."""

from datetime import datetime

from engine.core.events import Event, NotRunTold
from engine.ledger.store_ports import Execution
from engine.notifications.noting import owe_for_run


def end_late(store: Execution, *, now: datetime) -> list[Event]:
    """End the queued runs whose start deadline has passed: they are missed."""
    events: list[Event] = []
    for late in store.expire_waiting(now=now):
        at = late.scheduled_for
        events.append(
            NotRunTold(job=late.job, first_at=at, last_at=at, count=1, state=late.state, reason=late.reason)
        )
        owe_for_run(store, late, store.definition(late.digest), now=now)
    return events
