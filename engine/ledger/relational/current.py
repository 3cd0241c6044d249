"""The readings that the store, the view and the check of the ledger share."""

from datetime import datetime

from engine.core.lifecycle import Run
from engine.core.records import Generation, JobVersion, LiveAttempt, Schedule
from engine.ledger.connection import Connection
from engine.ledger.record_rows import generation_from_row, job_version_from_row, schedule_from_row
from engine.ledger.rows import live_attempt_from_row, run_from_row


class LedgerCurrent:
    """Implements the part of `Current` that is the same in the store and the view."""

    _db: Connection

    def run(self, run_id: str) -> Run | None:
        return self._db.first(run_from_row, "run.run", {"id": run_id})

    def runs_of(self, occurrence: str) -> tuple[Run, ...]:
        return self._db.all(run_from_row, "run.runs_of", {"occurrence": occurrence})

    def current_generation(self) -> Generation | None:
        return self._db.first(generation_from_row, "generation.current_generation")

    def jobs_in_force(self) -> tuple[JobVersion, ...]:
        return self._db.all(job_version_from_row, "generation.jobs_in_force")

    def job_in_force(self, job: str) -> JobVersion | None:
        return self._db.first(job_version_from_row, "generation.job_in_force", {"job": job})


class LedgerStanding:
    """Implements `Standing`, for the store and for a check of the ledger."""

    _db: Connection

    def newest_epoch(self) -> int:
        row = self._db.row("session.newest_epoch")
        return 0 if row is None or row[0] is None else int(row[0])

    def max_covered_until(self) -> datetime | None:
        return self._db.instant("schedule.max_covered_until")

    def covered_in_force(self) -> datetime | None:
        return self._db.instant("schedule.covered_in_force")

    def schedules_in_force(self) -> tuple[Schedule, ...]:
        return self._db.all(schedule_from_row, "schedule.schedules_in_force")

    def live_attempts(self) -> tuple[LiveAttempt, ...]:
        return self._db.all(live_attempt_from_row, "attempt.live_attempts")
