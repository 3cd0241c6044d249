"""Finished runs: late evidence, and deletions by retention."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from engine.core.lifecycle import Attempt, AttemptKey, Ended, Run, RunState
from engine.core.occurrences import deciding, grouped
from engine.core.records import Audited, Output, Schedule
from engine.ledger.cells import INSTANT, UNREADABLE, is_number
from engine.ledger.connection import Connection
from engine.ledger.record_rows import audited_from_row, gap_from_row, schedule_from_row
from engine.ledger.rows import attempt_from_row, from_us, output_from_row, run_from_row, to_us
from jobfile.model.canonical import canonical_json, to_plain
from jobfile.model.values import Value
from jobfile.schedule.occurrences import next_fire

QUARTER = timedelta(minutes=15) // timedelta(microseconds=1)
"""15 minutes in microseconds.

Pruned manual runs are counted per quarter of an hour: UTC offsets are multiples of it, so the local days of
every zone are whole numbers of quarters.
"""


class LedgerPast:
    """Every method that writes runs inside the store's transaction."""

    def __init__(self, connection: Connection) -> None:
        """Take the store's connection."""
        self._db = connection

    def attempt(self, key: AttemptKey) -> Attempt | None:
        return next((one for one in self.attempts(key.run_id) if one.key == key), None)

    def attempts(self, run_id: str) -> tuple[Attempt, ...]:
        return self._db.all(attempt_from_row, "attempt.attempts", {"run_id": run_id})

    def lost_attempts(self, *, since: datetime, limit: int) -> tuple[Attempt, ...]:
        return self._db.all(
            attempt_from_row, "attempt.lost_attempts", {"since": to_us(since), "limit": limit}
        )

    def resolve(self, attempt: Attempt, ended: Ended, *, state: RunState, detail: str) -> bool:
        values = {
            **attempt.key._asdict(),
            "resolved": state.value,
            "exit_code": ended.exit_code,
            "signal": ended.signal,
            "ended_at": to_us(ended.ended_at),
            "detail": detail,
            "output_bytes": ended.output_bytes,
            "output_dropped": ended.output_dropped,
        }
        is_first = self._db.write("attempt.resolve_attempt", values) == 1
        # A run with steps has ended by then: its other steps were decided without this one.
        return is_first and not attempt.step and self._db.write("run.resolve_run", values) == 1

    def outputs(self, run_id: str) -> tuple[Output, ...]:
        return self._db.all(output_from_row, "output.outputs", {"run_id": run_id})

    def set_outputs(self, attempt: AttemptKey, outputs: Mapping[str, Value]) -> None:
        place = {"run_id": attempt.run_id, "step": attempt.step, "item": attempt.item}
        if attempt.number > 1:  # the first has none before it, and most runs end with it
            self._db.write("output.drop_outputs", place)
        for name, value in outputs.items():
            self._db.write(
                "output.add_output", place | {"name": name, "value": canonical_json(to_plain(value))}
            )

    def prunable(self, *, before: datetime, limit: int, job: str | None = None) -> tuple[Run, ...]:
        # Unreadable rows are never deleted and may come first each time: ask for that number more.
        most = limit + len(self._db.unreadable)
        found = self._db.all(
            run_from_row, "retention.prunable", {"before": to_us(before), "limit": most, "job": job}
        )
        firsts = [run for run in found if run.reason != UNREADABLE][:limit]
        runs: list[Run] = []
        for run in firsts:  # whole occurrences, and at least one
            if runs and len(runs) + max(1, run.combinations) > limit:
                break
            runs += (
                self._db.all(run_from_row, "run.runs_of", {"occurrence": run.id}) if run.occurrence else [run]
            )
        return tuple(runs)

    def crowded(self, *, keep: int) -> tuple[tuple[str, datetime], ...]:
        found = []
        for row in self._db.rows("retention.crowded_jobs", {"keep": keep}):
            oldest = self._db.row("retention.kept_since", {"job": row["job"], "keep": keep - 1})
            if oldest is not None and INSTANT.is_good(oldest["scheduled_for"]):
                found.append((row["job"], from_us(oldest["scheduled_for"])))
        return tuple(found)

    def prune(self, runs: Sequence[Run], *, now: datetime) -> tuple[Run, ...]:
        return tuple(run for occurrence in grouped(runs) for run in self._prune(occurrence, now))

    def _prune(self, occurrence: Sequence[Run], now: datetime) -> Iterator[Run]:
        """Delete the runs of an occurrence, which are kept as one."""
        kept, was_executed = deciding(occurrence), any(run.was_executed for run in occurrence)
        if kept.schedule_key is None:
            at = to_us(kept.scheduled_for)
            values = {"job": kept.job, "quarter": at - at % QUARTER, "state": kept.verdict.value}
            self._db.write("retention.count_pruned_request", values)
        elif not self._leave_gap(kept, now, was_executed=was_executed):
            return
        for run in occurrence:
            self._db.write("retention.delete_attempts", {"id": run.id})
            self._db.write("retention.delete_outputs", {"id": run.id})
            self._db.write("retention.delete_artifacts", {"id": run.id})
            self._db.write("retention.delete_steps", {"id": run.id})
            self._db.write("late.drop_odd", {"run_id": run.id})
            if self._db.write("retention.delete_run", {"id": run.id}):
                self._db.write("histogram.drop_of_job", {"job": run.job})
                yield run

    def recorded_after(self, seq: int, *, before: datetime, limit: int) -> tuple[tuple[int, Run], ...]:
        rows = self._db.rows(
            "retention.finished_since", {"after": seq, "before": to_us(before), "limit": limit}
        )
        return tuple((row["seq"], self._db.read(run_from_row, row)) for row in rows)

    def newest_audit(self) -> tuple[int, str]:
        row = self._db.row("audit.newest_audit")
        return (0, "") if row is None else (row["seq"], row["hash"])

    def audit_after(self, seq: int, *, limit: int) -> tuple[tuple[int, Audited], ...]:
        rows = self._db.rows("audit.audit_after", {"seq": seq, "limit": limit})
        return tuple((row["seq"], self._db.read(audited_from_row, row)) for row in rows)

    def fact(self, key: str, *, default: str) -> str:
        row = self._db.row("meta.get_meta", {"key": key})
        return default if row is None else str(row["value"])

    def number(self, key: str) -> int:
        noted = self.fact(key, default="0")
        return int(noted) if is_number(noted) else 0

    def note(self, key: str, value: str) -> None:
        self._db.write("meta.set_meta", {"key": key, "value": value})

    def _leave_gap(self, run: Run, now: datetime, *, was_executed: bool) -> bool:
        """Put a gap record in the place of a run. Consecutive runs with the same end share one.

        False when the run's schedule is not in the ledger.
        """
        at = to_us(run.scheduled_for)
        place = {
            "job": run.job,
            "schedule_key": run.schedule_key,
            "clock_epoch": run.clock_epoch,
            "at": at,
        }
        row = self._db.row("schedule.schedule_of_run", place)
        if row is None:
            return False
        schedule = self._db.read(schedule_from_row, row)
        values: dict[str, object] = {"schedule_id": schedule.id, "at": at, "last_at": at, "now": to_us(now)}
        before = self._db.row("retention.pruned_gap_before", values)
        if before is not None:
            gap = self._db.read(gap_from_row, before)
            fate = (run.verdict, run.reason, run.detail, was_executed)
            is_same = (gap.state, gap.reason, gap.detail, gap.ran) == fate
            if is_same and _follows(schedule, gap.last_at, run.scheduled_for):
                self._db.write("retention.extend_pruned_gap", values | {"id": before["id"]})
                return True
        said: dict[str, object] = {
            "state": run.verdict.value,
            "reason": run.reason,
            "detail": run.detail,
            "job": run.job,
        }
        said["ran"] = int(was_executed)
        about = {"generation": run.generation or 0, "epoch": self._db.epoch or 0, "recorded_at": to_us(now)}
        self._db.write("retention.add_pruned_gap", values | said | about)
        return True


def _follows(schedule: Schedule, before: datetime, at: datetime) -> bool:
    """Whether `at` is the schedule's next instant after `before`."""
    following = next_fire(schedule.entries, after=before)
    return following is not None and following.at == at
