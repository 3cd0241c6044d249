"""The reading half of the ledger. It works while an engine writes, and without one."""

import json
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from engine.core.artifacts import KeptArtifact
from engine.core.audit_chain import Link
from engine.core.lifecycle import Attempt, Run, RunState, States
from engine.core.records import (
    SET_ASIDE,
    SOURCE,
    WATCHED,
    Applied,
    Audited,
    Backfill,
    Definition,
    Gap,
    Generation,
    Incident,
    JobVersion,
    Notification,
    Output,
    Pause,
    Rejection,
    Schedule,
    Session,
    Source,
    StateCount,
    Unreadable,
    Watched,
)
from engine.core.step_states import StepRun
from engine.ledger.cells import COUNT, state_of, texts_from_json
from engine.ledger.connection import Connection
from engine.ledger.record_rows import (
    applied_from_row,
    audited_from_row,
    backfill_from_row,
    gap_from_row,
    generation_from_row,
    job_version_from_row,
    notification_from_row,
    rejection_from_row,
    schedule_from_row,
    session_from_row,
)
from engine.ledger.relational.access import LedgerAccess
from engine.ledger.relational.current import LedgerCurrent
from engine.ledger.relational.following import LedgerFollowing
from engine.ledger.relational.incidents import LedgerIncidents
from engine.ledger.relational.lateness import LedgerLateness
from engine.ledger.relational.pauses import LedgerPauses
from engine.ledger.relational.soundness import LedgerSoundness
from engine.ledger.relational.steps import LedgerSteps
from engine.ledger.relational.totals import LedgerTotals
from engine.ledger.relational.trigger_events import LedgerKeys
from engine.ledger.rows import artifact_from_row, attempt_from_row, output_from_row, run_from_row, to_us
from engine.ledger.source_fact import source_from_text
from engine.ledger.watched_fact import watched_from_text

if TYPE_CHECKING:
    from engine.ledger.access_ports import Granted
    from engine.ledger.following_ports import Followed
    from engine.ledger.host_ports import HostsView
    from engine.ledger.late_ports import LateHistory
    from engine.ledger.slot_ports import Slots
    from engine.ledger.soundness_ports import Soundness
    from engine.ledger.total_ports import Totals
    from engine.ports import Pieces


FEW_RUNS: Final = 50_000
"""Up to this many runs of a job are sorted to find the newest: that takes some milliseconds."""


class LedgerView(LedgerCurrent):
    """Implements `View`."""

    def __init__(self, connection: Connection) -> None:
        """Take an open connection."""
        self._db = connection
        self.soundness: Soundness = LedgerSoundness(connection)
        self.lateness: LateHistory = LedgerLateness(connection)
        self.following: Followed = LedgerFollowing(connection)
        self.access: Granted = LedgerAccess(connection)
        self.totals: Totals = LedgerTotals(connection)

    def close(self) -> None:
        self._db.close()

    @property
    def pieces(self) -> "Pieces | None":
        return None

    @property
    def hosts(self) -> "HostsView | None":
        return None

    @property
    def slots(self) -> "Slots":
        from engine.ledger.relational.slots import LedgerSlots  # noqa: PLC0415  start-up time: only pages ask

        return LedgerSlots(self._db)

    @property
    def unreadable(self) -> Sequence[Unreadable]:
        return tuple(self._db.unreadable.values())

    def set_aside(self) -> tuple[str, ...]:
        row = self._db.row("meta.get_meta", {"key": SET_ASIDE})
        return texts_from_json("[]" if row is None else str(row["value"]))

    def runs_with_prefix(self, prefix: str) -> tuple[Run, ...]:
        return self._db.all(run_from_row, "run.runs_with_prefix", {"prefix": prefix})

    def recent_runs(self, *, job: str | None, state: States, limit: int) -> tuple[Run, ...]:
        if job is not None and state is None and not self._has_many_runs(job):
            return self._db.all(run_from_row, "run.recent_runs_of_job", {"job": job, "limit": limit})
        states = (state,) if isinstance(state, RunState) else state
        values = {"job": job, "states": None if states is None else json.dumps(states), "limit": limit}
        return self._db.all(run_from_row, "run.recent_runs", values)

    def _has_many_runs(self, job: str) -> bool:
        """Whether the newest runs of a job are found soonest among the newest of all."""
        return self._db.row("run.has_many_runs", {"job": job, "few": FEW_RUNS}) is not None

    def last_runs(self, jobs: Sequence[str], *, limit: int) -> tuple[Run, ...]:
        values = {"jobs": json.dumps(list(jobs)), "count": limit}
        return self._db.all(run_from_row, "run.last_runs", values)

    def last_gaps(self, jobs: Sequence[str], *, limit: int) -> tuple[Gap, ...]:
        values = {"jobs": json.dumps(list(jobs)), "count": limit}
        return self._db.all(gap_from_row, "gap.last_gaps", values)

    def runs_in(
        self, *, since: datetime, until: datetime, jobs: Collection[str] | None, state: States, limit: int
    ) -> tuple[Run, ...]:
        states = (state,) if isinstance(state, RunState) else state
        values = {
            "since": to_us(since),
            "until": to_us(until),
            "jobs": None if jobs is None else json.dumps(sorted(jobs)),
            "states": None if states is None else json.dumps(states),
            "limit": limit,
        }
        return self._db.all(run_from_row, "run.runs_in", values)

    def open_runs(self) -> tuple[Run, ...]:
        return self._db.all(run_from_row, "run.open_runs")

    def lengths(self, job: str, *, limit: int) -> tuple[timedelta, ...]:
        rows = self._db.rows("run.lengths", {"job": job, "limit": limit})
        return tuple(timedelta(microseconds=row["length"]) for row in rows if COUNT.is_good(row["length"]))

    def runs_between(self, job: str, *, since: datetime, until: datetime, limit: int) -> tuple[Run, ...]:
        values = {"job": job, "since": to_us(since), "until": to_us(until), "limit": limit}
        return self._db.all(run_from_row, "run.runs_of_job_between", values)

    def newest_run(self, job: str, *, until: datetime) -> Run | None:
        return self._db.first(run_from_row, "run.newest_run_of_job", {"job": job, "until": to_us(until)})

    def retries_of(self, run_id: str) -> tuple[Run, ...]:
        return self._db.all(run_from_row, "run.retries_of", {"id": run_id})

    def retries_between(self, *, since: datetime, until: datetime) -> tuple[Run, ...]:
        values = {"since": to_us(since), "until": to_us(until)}
        return self._db.all(run_from_row, "run.retries_between", values)

    def attempts(self, run_id: str) -> tuple[Attempt, ...]:
        return self._db.all(attempt_from_row, "attempt.attempts", {"run_id": run_id})

    def steps(self, run_id: str) -> tuple[StepRun, ...]:
        return LedgerSteps(self._db).of_run(run_id)

    def artifacts(self, run_id: str) -> tuple[KeptArtifact, ...]:
        return self._db.all(artifact_from_row, "artifact.artifacts", {"run_id": run_id})

    def outputs(self, run_id: str) -> tuple[Output, ...]:
        return self._db.all(output_from_row, "output.outputs", {"run_id": run_id})

    def count_runs(self, *, since: datetime, until: datetime) -> tuple[StateCount, ...]:
        rows = self._db.rows("run.count_runs", {"since": to_us(since), "until": to_us(until)})
        return tuple(
            StateCount(
                job=row["job"],
                is_scheduled=bool(row["is_scheduled"]),
                state=state_of(row["state"]),
                count=row["count"],
            )
            for row in rows
        )

    def key_holder(self, job: str, key: str, *, now: datetime) -> str:
        return LedgerKeys(self._db).holder(job, key, now=now)

    def matrix_runs(self, job: str | None, *, since: datetime, until: datetime) -> Iterator[Run]:
        values = {"job": job, "since": to_us(since), "until": to_us(until)}
        rows = self._db.each("run.matrix_runs" if job is None else "run.matrix_runs_of_job", values)
        return (self._db.read(run_from_row, row) for row in rows)

    def pruned_requests(self, job: str, *, since: datetime, until: datetime) -> dict[RunState, int]:
        values = {"job": job, "since": to_us(since), "until": to_us(until)}
        counts: Counter[RunState] = Counter()
        for row in self._db.rows("retention.pruned_requests", values):
            counts[state_of(row["state"])] += row["count"]
        return dict(counts)

    def gaps_between(self, job: str | None, *, since: datetime, until: datetime) -> tuple[Gap, ...]:
        values = {"job": job, "since": to_us(since), "until": to_us(until)}
        which = "gap.gaps_between" if job is None else "gap.gaps_of_job_between"
        return self._db.all(gap_from_row, which, values)

    def schedules_between(self, job: str | None, *, since: datetime, until: datetime) -> tuple[Schedule, ...]:
        values = {"job": job, "since": to_us(since), "until": to_us(until)}
        which = "schedule.schedules_between" if job is None else "schedule.schedules_of_job_between"
        return self._db.all(schedule_from_row, which, values)

    def generation(self, number: int) -> Generation | None:
        return self._db.first(generation_from_row, "generation.generation", {"number": number})

    def generations(self, *, limit: int) -> tuple[Applied, ...]:
        return self._db.all(applied_from_row, "generation.generations", {"limit": limit})

    def generation_of_plan(self, plan_id: str) -> int | None:
        row = self._db.row("generation.generation_of_plan", {"plan_id": plan_id})
        return None if row is None else int(row["number"])

    def lineage(self) -> str:
        row = self._db.row("meta.get_meta", {"key": "lineage"})
        assert row is not None
        return str(row["value"])

    def notifications(self, run_id: str) -> tuple[Notification, ...]:
        return self._db.all(notification_from_row, "outbox.of_run", {"run_id": run_id})

    def undelivered(self, *, limit: int) -> tuple[Notification, ...]:
        return self._db.all(notification_from_row, "outbox.undelivered", {"limit": limit})

    def source(self) -> Source:
        row = self._db.row("meta.get_meta", {"key": SOURCE})
        return source_from_text("" if row is None else str(row["value"]))

    def watched(self) -> list[Watched]:
        row = self._db.row("meta.get_meta", {"key": WATCHED})
        return list(watched_from_text("" if row is None else str(row["value"])))

    def jobs_at(self, number: int) -> tuple[JobVersion, ...]:
        return self._db.all(job_version_from_row, "generation.jobs_at", {"number": number})

    def job_versions(self, job: str) -> tuple[JobVersion, ...]:
        return self._db.all(job_version_from_row, "generation.job_versions", {"job": job})

    def newest_definitions(self) -> tuple[Definition, ...]:
        from engine.ledger.relational.definitions import intact_definition  # noqa: PLC0415  start-up time

        found = []
        for one in self._db.all(intact_definition, "generation.newest_definitions"):
            if isinstance(one, Unreadable):
                self._db.note_unreadable(one)
            else:
                found.append(one)
        return tuple(found)

    def definition_text(self, digest: str) -> str | None:
        row = self._db.row("generation.definition", {"digest": digest})
        if row is None:
            return None
        from engine.ledger.relational.definitions import read_definition  # noqa: PLC0415  start-up time

        found = read_definition(digest, row)
        if isinstance(found, Unreadable):
            self._db.note_unreadable(found)
            return None
        return str(row["spec"])

    def last_session(self) -> Session | None:
        return self._db.first(session_from_row, "session.last_session")

    def session_before(self, at: datetime) -> Session | None:
        return self._db.first(session_from_row, "session.session_before", {"at": to_us(at)})

    def session_after(self, at: datetime) -> Session | None:
        return self._db.first(session_from_row, "session.session_after", {"at": to_us(at)})

    def pauses_between(self, job: str | None, *, since: datetime, until: datetime) -> tuple[Pause, ...]:
        return LedgerPauses(self._db).between(job, since=since, until=until)

    def recent_incidents(self, *, limit: int) -> tuple[Incident, ...]:
        return LedgerIncidents(self._db).recent(limit=limit)

    def open_rejection(self) -> Rejection | None:
        return self._db.first(rejection_from_row, "rejection.open_rejection")

    def rejections_between(self, *, since: datetime, until: datetime) -> tuple[Rejection, ...]:
        return self._db.all(
            rejection_from_row, "rejection.rejections_between", {"since": to_us(since), "until": to_us(until)}
        )

    def audit_of(self, object: str) -> tuple[Audited, ...]:
        return self._db.all(audited_from_row, "audit.audit_of", {"object": object})

    def recent_audit(self, *, limit: int) -> tuple[tuple[int, Audited], ...]:
        rows = self._db.rows("audit.recent_audit", {"limit": limit})
        return tuple((row["seq"], self._db.read(audited_from_row, row)) for row in rows)

    def audit_links(self) -> Iterator[Link]:
        return (Link(*row) for row in self._db.each("audit.audit_links"))

    def backfills(self, job: str | None, *, limit: int) -> tuple[Backfill, ...]:
        return self._db.all(backfill_from_row, "backfill.backfills", {"job": job, "limit": limit})

    def results_of(self, backfill: Backfill) -> Mapping[RunState, int]:
        # The identities of its events begin with its number and a space; `!` is the next character.
        values = {"job": backfill.job, "first": f"{backfill.id} ", "after": f"{backfill.id}!"}
        rows = self._db.rows("backfill.results_of_backfill", values)
        return {state_of(row["state"]): int(row["count"]) for row in rows}
