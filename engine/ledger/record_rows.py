"""Converts rows about definitions, schedules and the engine to values; rows.py has those about runs."""

import json
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Final

from engine.core.access import Grant, GrantKind, Role
from engine.core.histograms import Bucket, Histogram
from engine.core.lateness import Late, LateKind
from engine.core.lifecycle import RunState
from engine.core.records import (
    Applied,
    Audited,
    Backfill,
    Gap,
    Generation,
    Incident,
    JobVersion,
    Notification,
    Odd,
    Owed,
    Pause,
    Rejection,
    Schedule,
    Session,
)
from engine.ledger.cells import entries_from_text
from engine.ledger.rows import (
    Row,
    artifact_from_row,
    attempt_from_row,
    finite_or_none,
    from_us,
    live_attempt_from_row,
    maybe_from_us,
    output_from_row,
    run_from_row,
    step_from_row,
)


def generation_from_row(row: Row) -> Generation:
    """A generation."""
    return Generation(
        number=row["number"],
        digest=row["digest"],
        applied_at=from_us(row["applied_at"]),
        applied_by=row["applied_by"],
        main_file=row["main_file"],
        revision=row["revision"],
        plan_id=row["plan_id"],
        instead_of=row["instead_of"],
        note=row["note"],
    )


def applied_from_row(row: Row) -> Applied:
    """A generation with the numbers of jobs that it added, changed and removed."""
    changed = row["changed"]
    return Applied(generation_from_row(row), row["begun"] - changed, changed, row["ended"] - changed)


def job_version_from_row(row: Row) -> JobVersion:
    """A job of a generation, with the file and line where it is written."""
    keys = row.keys()
    return JobVersion(
        job=row["job"],
        digest=row["digest"],
        file=row["file"],
        line=row["line"],
        from_generation=row["from_generation"],
        applied_at=from_us(row["applied_at"]) if "applied_at" in keys else None,
        ended_at=maybe_from_us(row["ended_at"]) if "ended_at" in keys else None,
    )


def schedule_from_row(row: Row) -> Schedule:
    """A schedule with its coverage."""
    return Schedule(
        id=row["id"],
        job=row["job"],
        schedule_key=row["schedule_key"],
        entries=entries_from_text(row["rule"]),
        generation=row["generation"],
        active_from=from_us(row["active_from"]),
        active_until=maybe_from_us(row["active_until"]),
        ended_because=row["ended_because"] or "",
        covered_until=from_us(row["covered_until"]),
        digest=row["digest"],
        clock_epoch=row["clock_epoch"],
    )


def gap_from_row(row: Row) -> Gap:
    """A gap record with the entries of its schedule."""
    return Gap(
        schedule_id=row["schedule_id"],
        job=row["job"],
        entries=entries_from_text(row["rule"]),
        first_at=from_us(row["first_at"]),
        last_at=from_us(row["last_at"]),
        count=row["count"],
        state=RunState(row["state"]),
        reason=row["reason"],
        generation=row["generation"],
        epoch=row["epoch"],
        recorded_at=from_us(row["recorded_at"]),
        detail=row["detail"],
        pruned_at=maybe_from_us(row["pruned_at"]),
        ran=bool(row["ran"]),
    )


def session_from_row(row: Row) -> Session:
    """A session."""
    return Session(
        epoch=row["epoch"],
        boot_id=row["boot_id"],
        pid=row["pid"],
        version=row["version"],
        started_at=from_us(row["started_at"]),
        last_seen_at=from_us(row["last_seen_at"]),
        ended_at=maybe_from_us(row["ended_at"]),
        end_reason=row["end_reason"] or "",
        boot_seconds=finite_or_none(row["boot_seconds"]),
    )


def rejection_from_row(row: Row) -> Rejection:
    """A rejected set of files."""
    return Rejection(
        rejected_at=from_us(row["rejected_at"]),
        digest=row["digest"],
        diagnostics=tuple(json.loads(row["diagnostics"])),
        resolved_at=maybe_from_us(row["resolved_at"]),
    )


def pause_from_row(row: Row) -> Pause:
    """A pause of a job."""
    return Pause(
        job=row["job"],
        source=row["source"],
        actor=row["actor"],
        reason=row["reason"],
        paused_at=from_us(row["paused_at"]),
        until=maybe_from_us(row["until"]),
        ended_at=maybe_from_us(row["ended_at"]),
        ended_by=row["ended_by"],
    )


def incident_from_row(row: Row) -> Incident:
    """An incident."""
    return Incident(
        kind=row["kind"],
        began_at=from_us(row["began_at"]),
        ended_at=maybe_from_us(row["ended_at"]),
        detail=row["detail"],
        occurrences=row["occurrences"],
        jobs=row["jobs"],
        accepted_by=row["accepted_by"],
    )


def audited_from_row(row: Row) -> Audited:
    """An audit record, without its hash."""
    return Audited(
        at=from_us(row["at"]),
        actor=row["actor"],
        action=row["action"],
        object=row["object"],
        detail=row["detail"],
    )


def owed_from_row(row: Row) -> Owed:
    """A notification to send."""
    return Owed(
        id=row["id"],
        at=from_us(row["at"]),
        event=row["event"],
        channel=row["channel"],
        job=row["job"],
        run_id=row["run_id"],
        facts=row["body"],
        tries=row["tries"],
    )


def notification_from_row(row: Row) -> Notification:
    """A notification and its delivery."""
    return Notification(
        event=row["event"],
        channel=row["channel"],
        at=from_us(row["at"]),
        tries=row["tries"],
        next_try_at=from_us(row["next_try_at"]),
        sent_at=maybe_from_us(row["sent_at"]),
        given_up_at=maybe_from_us(row["given_up_at"]),
        last_error=row["last_error"],
        job=row["job"],
        run_id=row["run_id"],
    )


def backfill_from_row(row: Row) -> Backfill:
    """A backfill."""
    return Backfill(
        id=row["id"],
        job=row["job"],
        since=from_us(row["since"]),
        until=from_us(row["until"]),
        covered_until=from_us(row["covered_until"]),
        at_once=row["at_once"],
        again=bool(row["again"]),
        requested_by=row["requested_by"],
        begun_at=from_us(row["begun_at"]),
        ended_at=maybe_from_us(row["ended_at"]),
        ended_because=row["ended_because"],
    )


def late_from_row(row: Row) -> Late:
    """Something that a job is, or was, late with."""
    seconds = row["limit_seconds"]
    return Late(
        job=row["job"],
        kind=LateKind(row["kind"]),
        about=row["about"],
        since=from_us(row["since"]),
        limit=None if seconds is None else timedelta(seconds=seconds),
        scheduled_for=maybe_from_us(row["scheduled_for"]),
        run_id=row["run_id"],
        found_at=from_us(row["found_at"]),
        over_at=maybe_from_us(row["over_at"]),
    )


def odd_from_row(row: Row) -> Odd:
    """Something unusual about a run."""
    return Odd(row["run_id"], row["name"], row["value"], row["median"], row["spread"])


def bucket_from_row(row: Row) -> Bucket:
    """A bucket of a histogram."""
    return Bucket(Histogram(row["name"]), row["job"], row["bound"], row["runs"], row["length"])


def grant_from_row(row: Row) -> Grant:
    """A token, a session or a code."""
    return Grant(
        hash=row["hash"],
        kind=GrantKind(row["kind"]),
        name=row["name"],
        role=Role(row["role"]),
        jobs=row["jobs"],
        token=row["token"],
        created_at=from_us(row["created_at"]),
        created_by=row["created_by"],
        expires_at=maybe_from_us(row["expires_at"]),
        used_at=maybe_from_us(row["used_at"]),
        ended_at=maybe_from_us(row["ended_at"]),
    )


TABLE_OF: Final[Mapping[Callable[[Row], object], str]] = {
    run_from_row: "run",
    attempt_from_row: "attempt",
    live_attempt_from_row: "attempt",
    generation_from_row: "generation",
    applied_from_row: "generation",
    job_version_from_row: "job_version",
    schedule_from_row: "schedule",
    gap_from_row: "gap",
    session_from_row: "session",
    rejection_from_row: "rejection",
    pause_from_row: "pause",
    incident_from_row: "incident",
    audited_from_row: "audit",
    owed_from_row: "outbox",
    notification_from_row: "outbox",
    output_from_row: "output",
    artifact_from_row: "artifact",
    backfill_from_row: "backfill",
    late_from_row: "late",
    odd_from_row: "odd",
    bucket_from_row: "histogram",
    grant_from_row: "access_grant",
    step_from_row: "step",
}
"""The table whose rows each reader takes."""
