"""Converts rows about runs to values of the engine and back; every store uses it.

A reader raises (UnreadableValueError or what a parser raises) for a row that this program never writes.
Instants are stored as integers: microseconds since 1970 in UTC.
"""

import json
import math
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol  # a row's columns have no narrower type

from engine.core.artifacts import KeptArtifact
from engine.core.lifecycle import (
    Artifact,
    Attempt,
    AttemptKey,
    AttemptState,
    Ended,
    Outcome,
    Run,
    RunState,
    StartError,
    TriggerKind,
    Verdict,
)
from engine.core.records import (
    LiveAttempt,
    Output,
    StepOfRun,
)
from engine.core.step_states import StepRun, StepState
from engine.ledger.cells import (
    FINAL_OR_NONE,
    FIRST_INSTANT,
    LAST_INSTANT,
    MAX_ATTEMPT,
    STOPS,
    is_job,
    is_run_id,
    is_step,
    items_from_text,
    matrix_from_text,
    params_from_text,
    value_from_text,
)
from jobfile.diagnostics.escapes import readable
from jobfile.model.names import is_step_name
from jobfile.model.values import Value


class UnreadableValueError(ValueError):
    """A column holds a value that this program never writes."""


class Row(Protocol):
    """A row of any database: its columns by name, and by number."""

    def __getitem__(self, column: str | int, /) -> Any:  # noqa: ANN401  a column has no narrower type
        """The value of a column."""

    def __iter__(self) -> Iterator[Any]:
        """The values of the columns."""

    def keys(self) -> list[str]:
        """The names of the columns, in the same order."""


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def to_us(at: datetime) -> int:
    """Microseconds since the epoch of an aware datetime."""
    return (at - _EPOCH) // _MICROSECOND


def from_us(value: int) -> datetime:
    """The aware UTC datetime of microseconds since the epoch. Raises ValueError outside 1900 to 9000."""
    if FIRST_INSTANT <= value <= LAST_INSTANT:
        return _EPOCH + timedelta(microseconds=value)
    raise UnreadableValueError(f"{value} is not an instant")


def maybe_from_us(value: int | None) -> datetime | None:
    """The aware UTC datetime of microseconds since the epoch; None for None."""
    return None if value is None else from_us(value)


def params_to_text(params: Mapping[str, Value]) -> str:
    """Bound params as canonical JSON, in ASCII: no character of a value can be refused by a database."""
    return json.dumps(dict(params), sort_keys=True, separators=(",", ":"))


def db_text(text: str) -> str:
    """A text in a form that every database can store: without NUL and without lone surrogates.

    Texts come from jobs, paths and errors; none of them may keep the end of a run from being recorded.
    """
    if "\0" in text:
        text = text.replace("\0", "\\x00")
    return text if text.isascii() else readable(text)


def _check(is_good: bool, what: str) -> None:
    if not is_good:
        raise UnreadableValueError(f"{what} has a value that jobfile never writes")


def finite_or_none(value: float | None) -> float | None:
    """A number or None; an exception for infinity and what is not a number."""
    _check(value is None or math.isfinite(value), "a number")
    return value


def run_from_row(columns: Row) -> Run:
    """A run."""
    # As a dict once: sqlite3.Row searches all column names at each access by name.
    row = dict(zip(columns.keys(), columns, strict=True))
    attempt, stop, resolved = row["attempt"], row["stop_requested"], row["resolved"]
    retry_of, caused_by = row["retry_of"], row["caused_by"]
    occurrence, slot = row["occurrence"], row["slot"]
    if not (
        is_run_id(row["id"])
        and is_job(row["job"])
        and 0 <= attempt <= MAX_ATTEMPT
        and stop in STOPS
        and resolved in FINAL_OR_NONE
        and all(one is None or is_run_id(one) for one in (retry_of, caused_by, occurrence, slot))
    ):
        raise UnreadableValueError(f"run {row['id']} has a value that jobfile never writes")
    return Run(
        id=row["id"],
        job=row["job"],
        digest=row["digest"],
        generation=row["generation"],
        trigger=TriggerKind(row["trigger"]),
        schedule_key=row["schedule_key"],
        scheduled_for=from_us(row["scheduled_for"]),
        params=params_from_text(row["params"]),
        state=RunState(row["state"]),
        reason=row["reason"],
        detail=row["detail"],
        queued_at=from_us(row["queued_at"]),
        not_before=from_us(row["not_before"]),
        start_by=maybe_from_us(row["start_by"]),
        started_at=maybe_from_us(row["started_at"]),
        ended_at=maybe_from_us(row["ended_at"]),
        retry_at=maybe_from_us(row["retry_at"]),
        attempt=attempt,
        concurrency_key=row["concurrency_key"],
        concurrency_limit=row["concurrency_limit"],
        exit_code=row["exit_code"],
        requested_by=row["requested_by"],
        stop_requested=stop,
        retry_of=retry_of,
        clock_epoch=row["clock_epoch"],
        resolved=resolved,
        begun_at=maybe_from_us(row["begun_at"]),
        matrix=matrix_from_text(row["matrix"]),
        occurrence=occurrence or "",
        slot=slot or "",
        combinations=row["combinations"],
        trigger_values=params_from_text(row["trigger_values"] or "{}"),
        caused_by=caused_by,
        idempotency_key=row["idempotency_key"],
        queue=row["queue"],
        queue_slots=row["queue_slots"],
        priority=row["priority"],
    )


def run_to_row(run: Run) -> dict[str, object]:
    """The columns to write when a run is recorded."""
    return {
        "id": run.id,
        "job": run.job,
        "digest": run.digest,
        "generation": run.generation,
        "trigger": run.trigger.value,
        "schedule_key": run.schedule_key,
        "scheduled_for": to_us(run.scheduled_for),
        "params": params_to_text(run.params),
        "state": run.state.value,
        "reason": run.reason,
        "detail": run.detail,
        "queued_at": to_us(run.queued_at),
        "not_before": to_us(run.not_before),
        "start_by": None if run.start_by is None else to_us(run.start_by),
        "ended_at": None if run.ended_at is None else to_us(run.ended_at),
        "concurrency_key": run.concurrency_key,
        "concurrency_limit": run.concurrency_limit,
        "requested_by": run.requested_by,
        "retry_of": run.retry_of,
        "clock_epoch": run.clock_epoch,
        "matrix": params_to_text(run.matrix) if run.matrix else "",
        "occurrence": run.occurrence or None,
        "slot": run.slot or None,
        "combinations": run.combinations,
        "trigger_values": params_to_text(run.trigger_values) if run.trigger_values else "",
        "caused_by": run.caused_by,
        "idempotency_key": db_text(run.idempotency_key),
        "queue": run.queue,
        "queue_slots": run.queue_slots,
        "priority": run.priority,
    }


def attempt_from_row(row: Row) -> Attempt:
    """An attempt."""
    is_known = is_run_id(row["run_id"]) and is_step(row["step"]) and 0 <= row["number"] <= MAX_ATTEMPT
    _check(is_known and row["item"] >= 0 and row["resolved"] in FINAL_OR_NONE, "an attempt")
    return Attempt(
        run_id=row["run_id"],
        number=row["number"],
        step=row["step"],
        item=row["item"],
        state=AttemptState(row["state"]),
        boot_id=row["boot_id"],
        created_at=from_us(row["created_at"]),
        started_at=maybe_from_us(row["started_at"]),
        ended_at=maybe_from_us(row["ended_at"]),
        exit_code=row["exit_code"],
        signal=row["signal"],
        reason=row["reason"],
        detail=row["detail"],
        output_bytes=row["output_bytes"],
        output_dropped=row["output_dropped"],
        leftover_processes=row["leftover_processes"],
        max_rss_kb=row["max_rss_kb"],
        cpu_seconds=finite_or_none(row["cpu_seconds"]),
        resolved=row["resolved"],
    )


def attempt_end_to_row(attempt: AttemptKey, verdict: Verdict, outcome: Outcome) -> dict[str, object]:
    """The columns to write when an attempt has ended."""
    ended = outcome if isinstance(outcome, Ended) else None
    return {
        **attempt._asdict(),
        "state": verdict.attempt_state.value,
        "started_at": None if ended is None else to_us(ended.started_at),
        "ended_at": to_us(verdict.ended_at),
        "exit_code": ended.exit_code if ended else None,
        "signal": ended.signal if ended else None,
        "reason": verdict.reason,
        "detail": verdict.detail,
        "output_bytes": ended.output_bytes if ended else 0,
        "output_dropped": ended.output_dropped if ended else 0,
        "leftover_processes": 0 if isinstance(outcome, StartError) else outcome.leftover_processes,
        "max_rss_kb": ended.max_rss_kb if ended else None,
        "cpu_seconds": ended.cpu_seconds if ended else None,
    }


def output_from_row(row: Row) -> Output:
    """An output."""
    _check(is_step(row["step"]) and row["item"] >= 0, "an output")
    return Output(row["name"], value_from_text(row["value"]), row["step"], row["item"])


def artifact_from_row(row: Row) -> KeptArtifact:
    """An artifact of a run."""
    is_known = is_run_id(row["run_id"]) and is_step(row["step"]) and row["item"] >= 0
    _check(is_known and 0 <= row["attempt"] <= MAX_ATTEMPT, "an artifact")
    return KeptArtifact(
        attempt=AttemptKey(row["run_id"], row["attempt"], row["step"], row["item"]),
        artifact=Artifact(
            name=row["name"],
            size=row["size"],
            sha256=row["sha256"],
            copy=row["copy"],
            note=row["note"],
        ),
        dropped_at=maybe_from_us(row["dropped_at"]),
    )


def step_from_row(row: Row) -> StepOfRun:
    """A step of a run, or an item of it."""
    is_known = is_run_id(row["run_id"]) and is_step_name(row["step"]) and row["item"] >= 0
    _check(is_known and 0 <= row["attempt"] <= MAX_ATTEMPT, "a step")
    items = row["items"]
    return StepOfRun(
        row["run_id"],
        StepRun(
            step=row["step"],
            item=row["item"],
            state=StepState(row["state"]),
            reason=row["reason"],
            detail=row["detail"],
            attempt=row["attempt"],
            tries=row["tries"],
            retry_at=maybe_from_us(row["retry_at"]),
            items=None if items is None else items_from_text(items),
        ),
    )


def step_to_row(run_id: str, one: StepRun) -> dict[str, object]:
    """The columns of a step."""
    return {
        "run_id": run_id,
        "step": one.step,
        "item": one.item,
        "state": one.state.value,
        "reason": one.reason,
        "detail": db_text(one.detail),
        "attempt": one.attempt,
        "tries": one.tries,
        "retry_at": None if one.retry_at is None else to_us(one.retry_at),
        "items": None if one.items is None else json.dumps(one.items),
    }


def live_attempt_from_row(row: Row) -> LiveAttempt:
    """An attempt without an end, with the state and the stop request of its run."""
    _check(row["stop_requested"] in STOPS, "an attempt")
    return LiveAttempt(attempt_from_row(row), RunState(row["run_state"]), row["stop_requested"])
