"""The writing half of the ledger: what the loops write, and what they read to decide."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING

from engine.core.audit_chain import link_hash
from engine.core.lifecycle import (
    Attempt,
    AttemptKey,
    AttemptState,
    Ended,
    Outcome,
    Run,
    RunState,
    Verdict,
)
from engine.core.occurrences import worst
from engine.core.records import Generation, Schedule, Session, Unreadable
from engine.ledger.cells import is_job
from engine.ledger.connection import Connection
from engine.ledger.record_rows import schedule_from_row, session_from_row
from engine.ledger.relational.access import LedgerAccess
from engine.ledger.relational.artifacts import LedgerArtifacts
from engine.ledger.relational.backfills import LedgerBackfills
from engine.ledger.relational.current import LedgerCurrent, LedgerStanding
from engine.ledger.relational.definitions import read_definition, stand_in
from engine.ledger.relational.following import LedgerFollowing
from engine.ledger.relational.histograms import count_end, count_start
from engine.ledger.relational.incidents import LedgerIncidents
from engine.ledger.relational.lateness import LedgerLateness
from engine.ledger.relational.outbox import LedgerOutbox
from engine.ledger.relational.past import LedgerPast
from engine.ledger.relational.pauses import LedgerPauses
from engine.ledger.relational.renaming import rename
from engine.ledger.relational.starting import startable
from engine.ledger.relational.steps import LedgerSteps
from engine.ledger.relational.trigger_events import LedgerKeys, LedgerTriggerEvents
from engine.ledger.rows import attempt_end_to_row, db_text, run_from_row, run_to_row, to_us
from engine.ports import Stop
from jobfile.model.canonical import canonical_json, to_plain
from jobfile.model.catalog import CompiledJob
from jobfile.model.jobs import JobSpec, Origin, QueueSpec, ScheduleEntry

if TYPE_CHECKING:
    from engine.ledger.access_ports import Granting
    from engine.ledger.event_ports import Backfills, Keys, Outbox, TriggerEvents
    from engine.ledger.following_ports import Following
    from engine.ledger.host_ports import Hosts, Outputs
    from engine.ledger.late_ports import Lateness
    from engine.ledger.past_ports import Artifacts, Past
    from engine.ledger.step_ports import Steps
    from engine.ledger.store_ports import Incidents, Pauses

KEPT_SPECS = 20_000
"""Size of the cache of parsed definitions: each is needed at every occurrence."""
LEFTOVER = ("job", "schedule_key", "active_from")
ALL_ROWS = 2**63 - 1
"""A limit that no result reaches."""


class LedgerStore(LedgerCurrent, LedgerStanding):
    """The writing half of the ledger. Every method that writes runs inside `transaction()`."""

    def __init__(self, connection: Connection) -> None:
        """Take an open connection to a ledger of this version."""
        self._db = connection
        self.pauses: Pauses = LedgerPauses(connection)
        self.incidents: Incidents = LedgerIncidents(connection)
        self.outbox: Outbox = LedgerOutbox(connection)
        self.past: Past = LedgerPast(connection)
        self.artifacts: Artifacts = LedgerArtifacts(connection)
        self.steps: Steps = LedgerSteps(connection)
        self.trigger_events: TriggerEvents = LedgerTriggerEvents(connection)
        self.following: Following = LedgerFollowing(connection)
        self.backfills: Backfills = LedgerBackfills(connection)
        self.keys: Keys = LedgerKeys(connection)
        self.lateness: Lateness = LedgerLateness(connection)
        self.access: Granting = LedgerAccess(connection)
        self._specs: dict[str, JobSpec] = {}
        self._gone: set[str] = set()
        """Digests without a definition in the ledger: an empty one is added with the next run that refers
        to it.
        """

    @property
    def pieces(self) -> "Outputs | None":
        return None

    @property
    def hosts(self) -> "Hosts | None":
        return None

    def close(self) -> None:
        self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        with self._db.transaction():
            yield

    def open_session(
        self,
        *,
        kind: str,
        boot_id: str,
        pid: int,
        version: str,
        now: datetime,
        boot_seconds: float,
        at_least: int = 0,
    ) -> int:
        with self._db.transaction():
            values = {"kind": kind, "boot_id": boot_id, "pid": pid, "version": version, "now": to_us(now)}
            row = self._db.row(
                "session.open_session", values | {"boot_seconds": boot_seconds, "at_least": at_least}
            )
            assert row is not None
        self._db.epoch = int(row["epoch"])
        return self._db.epoch

    def verify(self) -> None:
        self._db.verify()

    def touch_session(self, *, epoch: int, now: datetime, boot_seconds: float) -> None:
        values = {"epoch": epoch, "now": to_us(now), "boot_seconds": boot_seconds}
        self._db.write("session.touch_session", values)

    def close_session(self, *, epoch: int, now: datetime, boot_seconds: float | None, reason: str) -> None:
        values = {"epoch": epoch, "now": to_us(now), "boot_seconds": boot_seconds, "reason": reason}
        self._db.write("session.close_session", values)

    def add_generation(self, generation: Generation, *, tzdata_version: str, cron_semantics: int) -> int:
        values = {
            "digest": generation.digest,
            "applied_at": to_us(generation.applied_at),
            "applied_by": generation.applied_by,
            "main_file": generation.main_file,
            "revision": generation.revision,
            "tzdata_version": tzdata_version,
            "cron_semantics": cron_semantics,
            **{key: getattr(generation, key) for key in ("plan_id", "instead_of", "note")},
        }
        self._db.refuse_outside_transaction("generation.add_generation")
        row = self._db.row("generation.add_generation", values)
        assert row is not None
        return int(row["number"])

    def end_job(self, job: str, *, generation: int) -> None:
        self._db.write("generation.end_job_version", {"job": job, "generation": generation})

    def add_job(self, job: CompiledJob, *, generation: int) -> None:
        self.add_definition(job)
        values = {"job": job.spec.name, "generation": generation, "digest": job.digest}
        self._db.write(
            "generation.add_job_version", {**values, "file": job.origin.file, "line": job.origin.line}
        )

    def move_job(self, job: str, origin: Origin) -> None:
        self._db.write("generation.move_job_version", {"job": job, "file": origin.file, "line": origin.line})

    def add_definition(self, job: CompiledJob) -> None:
        self._db.write(
            "generation.add_definition", {"digest": job.digest, "job": job.spec.name, "spec": job.canonical}
        )

    def definition(self, digest: str) -> JobSpec:
        found = self._specs.get(digest) or self._read_definition(digest)
        return found if isinstance(found, JobSpec) else stand_in(found.job)

    def definition_trouble(self, digest: str) -> str:
        found = self._specs.get(digest) or self._read_definition(digest)
        return "" if isinstance(found, JobSpec) else f"its definition cannot be read: {found.why}"

    def _read_definition(self, digest: str) -> JobSpec | Unreadable:
        """Read a definition and keep it, once its digest proves that it is the text that was applied."""
        row = self._db.row("generation.definition", {"digest": digest})
        found = read_definition(digest, row)
        if isinstance(found, Unreadable):
            self._db.note_unreadable(found)
            if row is None:
                self._gone.add(digest)
            return found
        if len(self._specs) > KEPT_SPECS:
            self._specs.clear()
        self._specs[digest] = found
        return found

    @property
    def unreadable(self) -> Sequence[Unreadable]:
        return tuple(self._db.unreadable.values()) if self._db.unreadable else ()

    def set_aside(self, found: Unreadable, *, is_over: bool, now: datetime) -> bool:
        values = {"seq": found.seq, "is_over": is_over or not found.run, "now": to_us(now)}
        detail = f"its row cannot be read: {found.why}"
        if self._db.write("run.set_aside_run", values | {"detail": detail}) != 1:
            return False
        self._db.write("attempt.set_aside_attempts", {"seq": found.seq, "now": to_us(now)})
        return True

    def look_over(self) -> None:
        self.open_runs()
        self.live_attempts()
        self.schedules_in_force()
        for row in self._db.rows("run.unowned"):
            why = "it is running or waits for a retry, but its attempt or its time cannot be read"
            job = row["job"] if is_job(row["job"]) else ""
            self._db.note_unreadable(Unreadable("run", f"seq = {row['seq']}", why, job=job, seq=row["seq"]))

    def _open(self, name: str, values: Mapping[str, object]) -> tuple[Run, ...]:
        """The open runs of a query. An unreadable run has the stand-in state `lost`, so it is left out."""
        found = self._db.all(run_from_row, name, values)
        return tuple(run for run in found if not run.state.is_final) if self._db.unreadable else found

    def knows_job(self, job: str) -> bool:
        return bool(self._db.rows("generation.job_versions", {"job": job}))

    def rename_job(self, old: str, new: str) -> None:
        rename(self._db, old, new)

    def schedule_in_force(self, job: str, schedule_key: str) -> Schedule | None:
        return self._db.first(
            schedule_from_row, "schedule.schedule_in_force", {"job": job, "schedule_key": schedule_key}
        )

    def add_schedule(
        self,
        job: str,
        rule: tuple[ScheduleEntry, ...],
        *,
        schedule_key: str,
        generation: int,
        now: datetime,
    ) -> None:
        values: dict[str, object] = {"job": job, "schedule_key": schedule_key}
        values["rule"] = canonical_json(to_plain(rule))
        values["generation"] = generation
        values["active_from"] = to_us(now)
        self._db.write("schedule.end_leftover_schedule", {key: values[key] for key in LEFTOVER})
        self._db.write("schedule.add_schedule", values)

    def end_schedule(self, schedule_id: int, *, at: datetime, because: str) -> None:
        self._db.write("schedule.end_schedule", {"id": schedule_id, "at": to_us(at), "because": because})

    def advance_coverage(self, schedule_id: int, *, to: datetime) -> None:
        self._db.write("schedule.advance_coverage", {"id": schedule_id, "covered_until": to_us(to)})

    def add_run(self, run: Run) -> None:
        if run.digest in self._gone:
            self._db.write("generation.add_definition", {"digest": run.digest, "job": run.job, "spec": ""})
        self._db.write("run.add_run", run_to_row(run))

    def add_gap(
        self,
        schedule: Schedule,
        *,
        first_at: datetime,
        last_at: datetime,
        count: int,
        state: RunState,
        reason: str,
        detail: str,
        generation: int,
        now: datetime,
    ) -> None:
        values = {
            "schedule_id": schedule.id,
            "first_at": to_us(first_at),
            "last_at": to_us(last_at),
            "count": count,
            "state": state.value,
            "reason": reason,
            "detail": detail,
            "generation": generation,
            "covered_until": to_us(schedule.covered_until),
            "job": schedule.job,
            "epoch": self._db.epoch or 0,
            "recorded_at": to_us(now),
        }
        if not self._db.write("gap.extend_gap", values):
            self._db.write("gap.add_gap", values)

    def count_blocking(self, concurrency_key: str, *, at_most: int, besides: str = "") -> tuple[int, int]:
        values = {"concurrency_key": concurrency_key, "at_most": at_most, "occurrence": besides}
        row = self._db.row("run.count_blocking", values)
        assert row is not None
        return int(row["active"]), min(at_most, int(row["waiting"]))

    def blocking_runs(
        self, concurrency_key: str, *, limit: int | None = None, besides: str = ""
    ) -> tuple[Run, ...]:
        values = {"concurrency_key": concurrency_key, "limit": ALL_ROWS if limit is None else limit}
        values["occurrence"] = besides
        return self._open("run.blocking_runs", values)

    def waiting_of_job(self, job: str) -> tuple[Run, ...]:
        return self._open("run.waiting_of_job", {"job": job})

    def end_waiting(self, run_id: str, *, state: RunState, reason: str, detail: str, now: datetime) -> bool:
        RunState.QUEUED.assert_becomes(state)
        values = {"id": run_id, "state": state.value, "reason": reason, "detail": detail, "now": to_us(now)}
        return self._db.write("run.end_waiting", values) == 1

    def request_stop(self, run_id: str, how: Stop, *, reason: str, detail: str, now: datetime) -> bool:
        idle = {"id": run_id, "reason": reason, "detail": detail, "now": to_us(now)}
        if self._db.write("run.cancel_idle", idle):
            return True
        return self._db.write("run.stop_running", idle | {"how": how.value}) == 1

    def undecided(self, *, now: datetime, limit: int) -> tuple[Run, ...]:
        return self._open("run.undecided", {"now": to_us(now), "limit": limit})

    def next_undecided(self) -> datetime | None:
        return self._db.instant("run.next_undecided")

    def decide(self, run: Run) -> bool:
        if run.state is not RunState.QUEUED:
            RunState.QUEUED.assert_becomes(run.state)
        return self._db.write("run.decide_run", run_to_row(run)) == 1

    def expire_waiting(self, *, now: datetime) -> tuple[Run, ...]:
        self._db.refuse_outside_transaction("run.expire_waiting")
        return self._db.all(run_from_row, "run.expire_waiting", {"now": to_us(now)})

    def repin(self, run: Run) -> None:
        self._db.write("run.repin_run", run_to_row(run))

    def size_queue(self, queue: QueueSpec) -> None:
        self._db.write("run.size_queue", {"queue": queue.name, "slots": queue.slots})

    def startable(self, *, now: datetime, limit: int, is_catchup: bool, ahead: int = 0) -> tuple[Run, ...]:
        rows = startable(self._db, now=now, limit=limit, is_catchup=is_catchup, ahead=ahead)
        found = tuple(self._db.read(run_from_row, row) for row in rows)
        return tuple(run for run in found if not run.state.is_final)

    def start(self, run: Run, *, boot_id: str, now: datetime) -> bool:
        values = {"id": run.id, "attempt": run.attempt, "now": to_us(now)}
        if self._db.write("run.start_run", values) != 1:
            return False
        key = AttemptKey(run.id, run.attempt + 1)
        intent = {**key._asdict(), "boot_id": boot_id, "now": to_us(now)}
        self._db.write("attempt.add_attempt", intent)
        count_start(self._db, run, now=now)
        return True

    def next_wake(self, *, now: datetime) -> datetime | None:
        return self._db.instant("run.next_wake", {"now": to_us(now)})

    def mark_running(self, attempt: Attempt, *, started_at: datetime) -> None:
        values = {**attempt.key._asdict(), "started_at": to_us(started_at)}
        self._db.write("attempt.mark_attempt_running", values)

    def settle(self, run: Run, verdict: Verdict, outcome: Outcome) -> bool:
        run.state.assert_becomes(verdict.run_state)
        ended = outcome if isinstance(outcome, Ended) else None
        is_started = verdict.attempt_state is not AttemptState.NOT_STARTED
        started_at = ended.started_at if ended and is_started else None
        exit_code = ended.exit_code if ended else None
        ended_at = to_us(verdict.ended_at)
        stands = {
            "id": run.id,
            "attempt": run.attempt,
            "job": run.job,
            "from_state": run.state.value,
            "state": verdict.run_state.value,
            "reason": verdict.reason,
            "detail": verdict.detail,
            "exit_code": exit_code,
            "started_at": None if started_at is None else to_us(started_at),
            "ended_at": ended_at if verdict.run_state.is_final else None,
            "retry_at": None if verdict.retry_at is None else to_us(verdict.retry_at),
        }
        if self._db.write("run.settle_run", stands) != 1:
            return False
        attempt = attempt_end_to_row(run.last_attempt, verdict, outcome)
        changed = self._db.write("attempt.end_attempt", attempt)
        assert changed == 1, f"illegal_transition of attempt {run.attempt} of run {run.id}"
        if verdict.run_state.is_final:
            first = (started_at if run.attempt == 1 else None) or run.started_at
            count_end(self._db, run, started_at=first, ended_at=verdict.ended_at)
        return True

    def open_runs(self) -> tuple[Run, ...]:
        return self._open("run.open_runs", {})

    def last_success(self, job: str, *, before: datetime) -> datetime | None:
        return self._db.instant("run.last_success", {"job": job, "before": to_us(before)})

    def newest_ends(
        self, job: str, *, since: datetime, limit: int, combinations: int = 0
    ) -> tuple[RunState, ...]:
        values = {"job": job, "since": to_us(since), "limit": limit * max(1, combinations)}
        newest: dict[object, dict[object, RunState]] = {}
        for number, row in enumerate(self._db.rows("run.newest_ends", values)):
            runs = newest.setdefault(row["occurrence"] or number, {})
            runs.setdefault(
                row["matrix"], RunState(row["state"])
            )  # a newer retry counts, not what it retried
        return tuple(worst(runs.values()) for runs in newest.values())[:limit]

    def was_missed(self, job: str, *, before: datetime) -> bool:
        row = self._db.row("run.was_missed", {"job": job, "before": to_us(before)})
        return row is not None and bool(row["is_so"])

    def newest_occurrences(self, job: str, *, limit: int) -> tuple[Run, ...]:
        return self._db.all(run_from_row, "run.newest_occurrences", {"job": job, "limit": limit})

    def reject(self, *, digest: str, diagnostics: Sequence[str], now: datetime) -> None:
        self._db.write("rejection.resolve_rejections", {"now": to_us(now)})
        values = {"digest": digest, "diagnostics": canonical_json(list(diagnostics)), "now": to_us(now)}
        self._db.write("rejection.add_rejection", values)

    def accept(self, *, now: datetime) -> bool:
        return self._db.write("rejection.resolve_rejections", {"now": to_us(now)}) > 0

    def audit(self, *, actor: str, action: str, object: str, detail: str, now: datetime) -> None:
        newest = self._db.row("audit.newest_link")
        seq, before = (0, "") if newest is None else (newest["seq"], newest["hash"])
        texts = {"actor": actor, "action": action, "object": object, "detail": detail}
        values = {"seq": seq + 1, "at": to_us(now), **{name: db_text(text) for name, text in texts.items()}}
        self._db.write("audit.add_audit", values | {"hash": link_hash(before, *values.values())})

    def last_session(self) -> Session | None:
        found = self._db.first(session_from_row, "session.last_session")
        is_sound = found is not None and f"session epoch = {found.epoch}" not in self._db.unreadable
        return found if is_sound else None
