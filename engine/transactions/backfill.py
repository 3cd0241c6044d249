"""Backfills: runs of past occurrences that a user requests, recorded a few at a time."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import islice
from typing import Final

from engine.core.errors import JobfileError
from engine.core.events import BackfillEnded, Event
from engine.core.lifecycle import Occurrence, Run, RunState, TriggerEvent, TriggerKind
from engine.core.reasons import Reason
from engine.core.records import Backfill, JobVersion
from engine.ledger.store_ports import Requesting
from engine.transactions.account import Moment, Origin, queued_runs, record_runs, retry_run
from jobfile.expressions.expression import EvaluationError
from jobfile.model.jobs import JobSpec, OverlapPolicy
from jobfile.model.values import Scalar
from jobfile.schedule.occurrences import Fire, fires

FINISHED: Final = "finished"
STOPPED: Final = "stopped"
NO_SCHEDULE: Final = "no_schedule"
"""Why a backfill is over, besides reasons of the ledger and words about a key that cannot be filled in."""
LOWEST_PRIORITY: Final = -100
"""The priority of every run of a backfill: its time is long past, so it would start before all others."""
LOOKED_AT_ONCE: Final = 500
"""Maximum number of occurrences of a backfill in one turn: most of them may need no run."""
_INSTANT: Final = timedelta.resolution


def advance_backfills(store: Requesting, moment: Moment) -> list[Event]:
    """Record the next runs of every open backfill, in the caller's transaction.

    At most as many of its runs as it allows are open. The runs, and the place that it has reached, are
    recorded together: a crash neither loses nor repeats one.
    """
    return [event for one in store.backfills.open() for event in _advance(store, one, moment)]


def _advance(store: Requesting, one: Backfill, moment: Moment) -> Iterator[Event]:
    version = store.job_in_force(one.job)
    spec = None if version is None else store.definition(version.digest)
    if version is None or spec is None or not spec.schedule:
        yield from _end(store, one, NO_SCHEDULE if version else Reason.JOB_REMOVED, moment)
        return
    room = one.at_once - store.backfills.open_runs(one.job)
    coming = fires(spec.schedule, after=one.covered_until, until=one.until - _INSTANT)
    looked_at = 0
    for fire in islice(coming, LOOKED_AT_ONCE):
        if room <= 0:
            return
        looked_at += 1
        try:
            events, runs = _record(store, one, fire, (version, spec), moment)
        except EvaluationError as error:
            yield from _end(store, one, f"a key of the job cannot be filled in: {error}", moment)
            return
        store.backfills.advance(one.id, to=fire.at)
        room -= sum(not run.state.is_final for run in runs)
        yield from events
    if looked_at < LOOKED_AT_ONCE and not store.backfills.open_runs(one.job):
        yield from _end(store, one, FINISHED, moment)


def _end(store: Requesting, one: Backfill, because: str, moment: Moment) -> Iterator[Event]:
    if store.backfills.end(one.id, because=because, now=moment.now):
        yield BackfillEnded(job=one.job, id=one.id, because=because)


def _record(
    store: Requesting, one: Backfill, fire: Fire, job: tuple[JobVersion, JobSpec], moment: Moment
) -> tuple[list[Event], list[Run]]:
    """Record the runs of an occurrence that are to be made, and the events about them."""
    version, spec = job
    old, wanted = _wanted(store, one, fire, spec)
    origin = Origin(version.digest, moment.generation, moment.now)
    groups: list[Sequence[Run]] = []
    if wanted:
        occurrence = Occurrence(
            job=one.job,
            trigger=TriggerKind.BACKFILL,
            schedule_key=None,
            scheduled_for=fire.at,
            arguments=spec.schedule[fire.entry].arguments,
            not_before=moment.now,
            requested_by=one.requested_by,
        )
        chosen = wanted if spec.matrix else ()
        groups.append(queued_runs(occurrence, spec, chosen, origin, moment.new_id))
    groups += [[_again(spec, run, one, origin, moment)] for run in old]
    if not groups:
        return [], []
    event = TriggerEvent(one.job, TriggerKind.BACKFILL, f"{one.id} {fire.at.isoformat()}", fire.at)
    store.trigger_events.add(event, run_id=groups[0][0].id, now=moment.now)
    events: list[Event] = []
    for runs in groups:
        last = [replace(run, priority=LOWEST_PRIORITY) for run in runs]
        events += record_runs(store, last, spec, moment, policy=OverlapPolicy.QUEUE)
    recorded = [found for runs in groups for run in runs if (found := store.run(run.id)) is not None]
    return events, recorded


def _again(spec: JobSpec, old: Run, one: Backfill, origin: Origin, moment: Moment) -> Run:
    run = retry_run(
        spec,
        old,
        id=moment.new_id(),
        digest=origin.digest,
        generation=origin.generation,
        now=moment.now,
        requested_by=one.requested_by,
    )
    return replace(run, trigger=TriggerKind.BACKFILL)


def _wanted(
    store: Requesting, one: Backfill, fire: Fire, spec: JobSpec
) -> tuple[list[Run], list[Mapping[str, Scalar]]]:
    """The recorded runs of an occurrence to retry, and the combinations without one: of a job without a
    matrix, one empty combination.

    What has succeeded is left out, unless the backfill runs all again; so is a run that is not over.
    """
    newest: dict[str, list[Run]] = {}
    for run in store.backfills.runs_at(one.job, fire.at):
        newest.setdefault(str(dict(run.matrix)), []).append(run)
    old: list[Run] = []
    missing: list[Mapping[str, Scalar]] = []
    for matrix in spec.matrix or ({},):
        runs = newest.get(str(dict(matrix)), [])
        is_done = any(run.verdict is RunState.SUCCEEDED for run in runs) and not one.again
        if is_done or any(not run.state.is_final for run in runs):
            continue
        if runs:
            old.append(runs[-1])
        elif one.again or not store.backfills.has_pruned_success(one.job, fire.at):
            missing.append(matrix)
    return old, missing


def begin_backfill(store: Requesting, backfill: Backfill, *, why: str) -> Backfill:
    """Record a backfill. Raises if its job has one that is not over."""
    if (open_one := store.backfills.of_job(backfill.job)) is not None:
        raise JobfileError(
            f"backfill {open_one.id} of {backfill.job} is not over; stop it first:  "
            f"jobfile backfill {backfill.job} --stop"
        )
    begun = backfill._replace(id=store.backfills.begin(backfill))
    window = f"{backfill.since.isoformat()} to {backfill.until.isoformat()}"
    detail = "; ".join(part for part in (why, f"backfill {begun.id}: {window}") if part)
    store.audit(
        actor=backfill.requested_by,
        action="backfill",
        object=backfill.job,
        detail=detail,
        now=backfill.begun_at,
    )
    return begun


def stop_backfill(store: Requesting, job: str, *, by: str, why: str, now: datetime) -> Backfill | None:
    """End the backfill of a job that is not over; its recorded runs continue. None if there is none."""
    found = store.backfills.of_job(job)
    if found is None:
        return None
    store.backfills.end(found.id, because=STOPPED, now=now)
    detail = "; ".join(part for part in (why, f"backfill {found.id}") if part)
    store.audit(actor=by, action="stop backfill", object=job, detail=detail, now=now)
    return found
