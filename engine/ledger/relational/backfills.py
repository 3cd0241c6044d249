"""Backfills."""

from datetime import datetime

from engine.core.lifecycle import Run
from engine.core.records import Backfill
from engine.ledger.connection import Connection
from engine.ledger.record_rows import backfill_from_row
from engine.ledger.rows import run_from_row, to_us


class LedgerBackfills:
    """Every method that writes runs inside the store's transaction."""

    def __init__(self, connection: Connection) -> None:
        """Take the store's connection."""
        self._db = connection

    def begin(self, backfill: Backfill) -> int:
        self._db.refuse_outside_transaction("backfill.add_backfill")
        instants = ("since", "until", "covered_until", "begun_at")
        values = backfill._asdict() | {name: to_us(getattr(backfill, name)) for name in instants}
        for name in ("id", "ended_at", "ended_because"):
            del values[name]
        values["again"] = int(backfill.again)
        row = self._db.row("backfill.add_backfill", values)
        assert row is not None
        return int(row["id"])

    def open(self) -> tuple[Backfill, ...]:
        return self._db.all(backfill_from_row, "backfill.open_backfills")

    def of_job(self, job: str) -> Backfill | None:
        return self._db.first(backfill_from_row, "backfill.open_backfill", {"job": job})

    def advance(self, id: int, *, to: datetime) -> None:
        self._db.write("backfill.advance_backfill", {"id": id, "covered_until": to_us(to)})

    def end(self, id: int, *, because: str, now: datetime) -> bool:
        values = {"id": id, "because": because, "now": to_us(now)}
        return self._db.write("backfill.end_backfill", values) == 1

    def open_runs(self, job: str) -> int:
        row = self._db.row("backfill.open_runs_of_backfill", {"job": job})
        assert row is not None
        return int(row["count"])

    def runs_at(self, job: str, at: datetime) -> tuple[Run, ...]:
        return self._db.all(run_from_row, "backfill.runs_at", {"job": job, "at": to_us(at)})

    def has_pruned_success(self, job: str, at: datetime) -> bool:
        return self._db.row("backfill.pruned_success_at", {"job": job, "at": to_us(at)}) is not None
