"""A user confirms that the clock is right."""

from datetime import datetime

from engine.ledger.store_ports import Scheduling


def accept_clock(store: Scheduling, *, by: str, why: str, now: datetime) -> bool:
    """Make the engine believe the clock; returns whether it did not before."""
    is_accepted = store.incidents.accept_hold(actor=by)
    if is_accepted:
        store.audit(actor=by, action="accept", object="clock", detail=why, now=now)
    return is_accepted
