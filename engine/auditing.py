"""Tell what others do to the engine: commands write it to the ledger, and the console would not know."""

from engine.events import DoneByOthers
from engine.ledger import Store
from engine.ports import Journal

ENGINE = "engine"
"""The actor of what the engine does itself, and tells when it does it."""
LINES_AT_ONCE = 1_000


class AuditTail:
    """Reads on in the audit from where it was read last."""

    def __init__(self, store: Store, journal: Journal) -> None:
        """What was done before is past."""
        self._store = store
        self._journal = journal
        self.record, self.head = store.past.newest_audit()
        self._seq = self.record

    def tell_new(self) -> None:
        """Tell what was done since the last time."""
        lines = self._store.past.audit_after(self._seq, limit=LINES_AT_ONCE)
        if not lines:
            return
        self._seq = lines[-1][0]
        self._journal.tell(
            *(
                DoneByOthers(actor=line.actor, action=line.action, object=line.object, detail=line.detail)
                for _, line in lines
                if line.actor != ENGINE
            )
        )
