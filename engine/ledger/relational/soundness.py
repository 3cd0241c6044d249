"""The readings of a check of the ledger itself."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import datetime

from engine.core.lifecycle import Run
from engine.core.records import (
    CLOCK_HOLD,
    Backlog,
    Crowd,
    DeliveryError,
    Gap,
    GivenUp,
    Incident,
    LastState,
    QueueCrowd,
    Schedule,
    Session,
    SetKey,
    Suspect,
    Tally,
    Unreadable,
)
from engine.ledger.cells import INSTANT
from engine.ledger.connection import Connection
from engine.ledger.record_rows import gap_from_row, schedule_from_row, session_from_row
from engine.ledger.relational.current import LedgerStanding
from engine.ledger.relational.definitions import read_definition
from engine.ledger.relational.incidents import LedgerIncidents
from engine.ledger.relational.starting import startable
from engine.ledger.rows import from_us, run_from_row, to_us
from engine.ledger.stand_ins import faults_of, unreadable_row

EVERY_ROW = (
    "soundness.all_run",
    "soundness.all_attempt",
    "soundness.all_schedule",
    "soundness.all_gap",
    "soundness.all_generation",
    "soundness.all_job_version",
    "soundness.all_session",
    "soundness.all_rejection",
    "soundness.all_pause",
    "soundness.all_incident",
    "soundness.all_audit",
    "soundness.all_outbox",
    "soundness.all_output",
    "soundness.all_artifact",
    "soundness.all_step",
    "soundness.all_pruned_request",
    "soundness.all_backfill",
    "soundness.all_late",
    "soundness.all_odd",
    "soundness.all_trigger_event",
    "soundness.all_idempotency_key",
    "soundness.all_access_grant",
    "soundness.all_histogram",
    "soundness.all_followed",
    "soundness.all_ended",
    "soundness.all_definition",
    "soundness.all_meta",
)
"""The queries that read every row: one for each table."""


class LedgerSoundness(LedgerStanding):
    """Reads only. Readings inside `snapshot()` are of one moment."""

    def __init__(self, connection: Connection) -> None:
        """Take the view's connection."""
        self._db = connection

    def snapshot(self) -> AbstractContextManager[None]:
        return self._db.snapshot()

    def tally(self) -> Tally:
        row = self._db.rows("soundness.tally")[0]
        return Tally(row["runs"], row["attempts"], row["schedules"], row["gaps"])

    def set_keys(self) -> tuple[SetKey, ...]:
        return tuple(SetKey(*row) for row in self._db.rows("soundness.set_keys"))

    def schedules(self, key: SetKey) -> tuple[Schedule, ...]:
        return self._db.all(schedule_from_row, "soundness.schedules_of_set", key._asdict())

    def instants(self, key: SetKey) -> Iterator[tuple[datetime, str]]:
        for row in self._db.each("soundness.instants_of_set", key._asdict()):
            if INSTANT.is_good(row["scheduled_for"]):
                yield from_us(row["scheduled_for"]), row["id"]

    def gaps(self, schedule_id: int) -> Iterator[Gap]:
        rows = self._db.each("gap.gaps_of_schedule", {"schedule_id": schedule_id})
        return (self._db.read(gap_from_row, row) for row in rows)

    def torn_occurrences(self, *, limit: int) -> tuple[Suspect, ...]:
        return self._suspects("soundness.torn_occurrences", limit)

    def half_ended(self, *, limit: int) -> tuple[Suspect, ...]:
        return self._suspects("soundness.half_ended", limit)

    def misnumbered(self, *, limit: int) -> tuple[Suspect, ...]:
        return self._suspects("soundness.misnumbered", limit)

    def executed_twice(self, *, limit: int) -> tuple[Suspect, ...]:
        return self._suspects("soundness.executed_twice", limit)

    def unproven(self, *, limit: int) -> tuple[Suspect, ...]:
        return self._suspects("soundness.unproven", limit)

    def ownerless(self, *, limit: int) -> tuple[Suspect, ...]:
        return self._suspects("soundness.ownerless", limit)

    def overdue(self, *, before: datetime, limit: int) -> tuple[Run, ...]:
        values = {"now": to_us(before), "limit": limit}
        rows = [
            row
            for is_catchup in (False, True)
            for row in startable(self._db, now=before, limit=limit, is_catchup=is_catchup)
        ]
        for query in ("run.undecided", "soundness.long_expired"):
            rows += self._db.rows(query, values)
        return tuple(self._db.read(run_from_row, row) for row in rows)

    def last_states(self) -> tuple[LastState, ...]:
        return tuple(LastState(*row) for row in self._db.rows("soundness.last_states"))

    def crowds(self, *, limit: int) -> tuple[Crowd, ...]:
        return tuple(Crowd(*row) for row in self._db.rows("soundness.crowds", {"limit": limit}))

    def queue_crowds(self, *, limit: int) -> tuple[QueueCrowd, ...]:
        return tuple(QueueCrowd(*row) for row in self._db.rows("soundness.queue_crowds", {"limit": limit}))

    def sessions(self) -> Iterator[Session]:
        return (self._db.read(session_from_row, row) for row in self._db.each("session.sessions"))

    def clock_epoch(self) -> int:
        return LedgerIncidents(self._db).clock_epoch()

    def newest_intent(self) -> datetime | None:
        return self._db.instant("attempt.newest_intent")

    def hold(self, kind: str = CLOCK_HOLD) -> Incident | None:
        return LedgerIncidents(self._db).hold(kind)

    def tzdata_versions(self) -> tuple[str, ...]:
        return tuple(row["tzdata_version"] for row in self._db.rows("generation.tzdata_versions"))

    def backlog(self) -> Backlog:
        row = self._db.rows("outbox.backlog")[0]
        return Backlog(row["count"], from_us(row["oldest"]) if INSTANT.is_good(row["oldest"]) else None)

    def given_up(self) -> GivenUp:
        row = self._db.rows("outbox.given_up")[0]
        return GivenUp(row["count"], from_us(row["newest"]) if INSTANT.is_good(row["newest"]) else None)

    def delivery_error(self) -> DeliveryError | None:
        row = self._db.row("outbox.last_error")
        return None if row is None else DeliveryError(str(row["channel"]), str(row["last_error"]))

    def unreadable_rows(self) -> Iterator[Unreadable]:
        for query in EVERY_ROW:
            table = query.removeprefix("soundness.all_")
            for row in self._db.each(query):
                plain = dict(zip(row.keys(), row, strict=True))
                if faults := faults_of(table, plain):
                    yield unreadable_row(table, plain, "; ".join(faults.values()))
                elif table == "definition":
                    found = read_definition(row["digest"], row)
                    if isinstance(found, Unreadable):
                        yield found

    def run_ids(self) -> Iterator[str]:
        return (row["id"] for row in self._db.each("soundness.run_ids"))

    def _suspects(self, query: str, limit: int) -> tuple[Suspect, ...]:
        rows = self._db.rows(query, {"limit": limit})
        return tuple(Suspect(row["run_id"], row["job"], row["said"], row["total"]) for row in rows)
