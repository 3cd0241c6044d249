"""Notes in which server a shared ledger is: after a failover, the new one may lack the newest records."""

from datetime import datetime
from typing import Final

from engine.core.hosts import BEHIND
from engine.core.records import Session
from engine.host.high_water_mark import Rewind
from engine.ledger.store_ports import Store
from engine.transactions.restore import accept_copy

SERVER: Final = "server"
"""The key of the ledger's note about the server in which its last leader found it."""
BY: Final = "jobfile"


def begin_in(
    server: str, store: Store, *, before: Session | None, rewind: Rewind | None, now: datetime
) -> bool:
    """Note the server in which a leader begins; True if its ledger lacks only what a standby may lack.

    Such a ledger is not held as an older copy: hosts report what they have before anything is executed.
    """
    found = store.past.fact(SERVER, default="")
    if not server or found == server:
        return False
    with store.transaction():
        store.past.note(SERVER, server)
        if found:
            store.audit(actor=BY, action="failover", object="ledger", detail=f"{found} -> {server}", now=now)
    is_recent = rewind is not None and before is not None and rewind.noted_at - before.last_seen_at < BEHIND
    if not found or not is_recent:
        return False
    accept_copy(store, by=BY, marks_missed=False, now=now)
    return True
