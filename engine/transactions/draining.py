"""Lets hosts take nothing new, or take work again, with the audit record."""

from datetime import datetime

from engine.ledger.store_ports import Draining

DRAIN, RESUME = "host drain", "host resume"
"""Actions of the audit."""


def drain_by_hand(
    store: Draining, name: str, *, is_draining: bool, by: str, why: str, now: datetime
) -> bool | None:
    """Drain the hosts of a name, or let them take work again; whether they were so before.

    None when there is no host of that name.
    """
    assert store.hosts is not None, "the caller has asked whether hosts share this ledger"
    found = [host for host in store.hosts.all() if host.name == name]
    if not found:
        return None
    if all(host.is_draining is is_draining for host in found):
        return True
    store.hosts.drain(name, is_draining=is_draining)
    store.audit(actor=by, action=DRAIN if is_draining else RESUME, object=name, detail=why, now=now)
    return False
