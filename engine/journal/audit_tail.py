"""Writes the engine's own start and stop into the audit, and reports what commands have added to it."""

from datetime import datetime
from pathlib import Path

from engine.core.events import DoneByOthers
from engine.ledger.store_ports import AuditTrail
from engine.ports import Journal
from jobfile import __version__

ENGINE = "engine"
"""The actor of the engine's own records, which it also reports as events."""
LINES_AT_ONCE = 1_000


def note_start(store: AuditTrail, main_file: Path, *, by: str, now: datetime) -> None:
    """Record that an engine starts: by whom, with which version and file, and what is in force."""
    current = store.current_generation()
    force = "nothing in force" if current is None else f"generation {current.number}, {current.digest}"
    with store.transaction():
        about = f"jobfile {__version__}, {main_file}; {force}"
        store.audit(actor=by, action="start", object=ENGINE, detail=about, now=now)


def note_stop(store: AuditTrail, *, running: int, now: datetime) -> None:
    """Record that an engine stops cleanly."""
    with store.transaction():
        store.audit(actor=ENGINE, action="stop", object=ENGINE, detail=f"{running} running", now=now)


class AuditTail:
    """Reports records that were added to the audit since the last call."""

    def __init__(self, store: AuditTrail, journal: Journal) -> None:
        """Start after the records that exist now."""
        self._store = store
        self._journal = journal
        self.record, self.head = store.past.newest_audit()
        self._seq = self.record

    def report_new(self) -> None:
        """Report the new records."""
        lines = self._store.past.audit_after(self._seq, limit=LINES_AT_ONCE)
        if not lines:
            return
        self._seq = lines[-1][0]
        self._journal.report(
            *(
                DoneByOthers(actor=line.actor, action=line.action, object=line.object, detail=line.detail)
                for _, line in lines
                if line.actor != ENGINE
            )
        )
