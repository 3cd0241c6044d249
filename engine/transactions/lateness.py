"""Records that a job is late, with its notifications, in the caller's transaction."""

from collections.abc import Iterable
from datetime import datetime

from engine.core.events import Event, JobLate
from engine.core.lateness import Course, Late, long_run
from engine.core.lifecycle import Run
from engine.ledger.store_ports import Pausing
from engine.notifications.noting import owe_for_late
from jobfile.model.jobs import JobSpec


def note_late(store: Pausing, found: Iterable[Late], spec: JobSpec, *, now: datetime) -> list[Event]:
    """Record in which respects a job is late: each once, however often it is found."""
    events: list[Event] = []
    for one in found:
        if store.lateness.add(one, now=now):
            owe_for_late(store, one, spec, now=now)
            events.append(JobLate(job=one.job, kind=one.kind.value, since=one.since, run=one.run_id or None))
    return events


def note_long_run(store: Pausing, run: Run, spec: JobSpec, *, now: datetime) -> list[Event]:
    """Record that a run that is over took too long, if no engine saw that while it ran."""
    limit = spec.expect.max_duration
    if limit is None or run.started_at is None or not run.state.is_final:
        return []
    course = Course(run.id, run.started_at, run.ended_at or now, run.scheduled_for)
    found = long_run(run.job, limit, course, now=now)
    if found is None or store.pauses.between(run.job, since=found.since, until=found.since):
        return []
    return note_late(store, [found], spec, now=now)
