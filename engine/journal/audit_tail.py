"""The audit as the engine writes and reads it: its own start and stop, and what commands did meanwhile."""

from datetime import datetime
from pathlib import Path

from engine.core.events import DoneByOthers
from engine.ledger.store_ports import AuditTrail
from engine.ports import Journal
from jobfile import __version__

ENGINE = "engine"
"""The actor of what the engine does itself, and reports as it does it."""
LINES_AT_ONCE = 1_000


def note_start(store: AuditTrail, main_file: Path, *, by: str, now: datetime) -> None:
    """Record that an engine starts: who started it, which program and file, and what is in force then."""
    current = store.current_generation()
    force = "nothing in force" if current is None else f"generation {current.number}, {current.digest}"
    with store.transaction():
        told = f"jobfile {__version__}, {main_file}; {force}"
        store.audit(actor=by, action="start", object=ENGINE, detail=told, now=now)


def note_stop(store: AuditTrail, *, running: int, now: datetime) -> None:
    """Record that an engine stops cleanly; one that is killed leaves no such record."""
    with store.transaction():
        store.audit(actor=ENGINE, action="stop", object=ENGINE, detail=f"{running} running", now=now)


class AuditTail:
    """Reads new records of the audit, from where the last read ended."""

    def __init__(self, store: AuditTrail, journal: Journal) -> None:
        """Start after the records that exist now."""
        self._store = store
        self._journal = journal
        self.record, self.head = store.past.newest_audit()
        self._seq = self.record

    def tell_new(self) -> None:
        """Report what was done since the last call."""
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
