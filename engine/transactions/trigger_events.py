"""Makes the runs of trigger events: of each event one, or one record of why it does not run."""

from collections.abc import Callable, Iterator
from dataclasses import replace

from engine.core.admission import policy_for
from engine.core.events import Event
from engine.core.lifecycle import Run, TriggerEvent, TriggerKind
from engine.core.reasons import Reason
from engine.ledger.store_ports import Requesting
from engine.transactions.account import (
    Moment,
    Origin,
    earlier_ids,
    queued_runs,
    record_not_run,
    record_runs,
)
from engine.triggers.manual import requested
from jobfile.expressions.expression import EvaluationError
from jobfile.model.jobs import JobSpec, OverlapPolicy


def has_room(store: Requesting, event: TriggerEvent, moment: Moment) -> bool:
    """Whether a run of an event may still wait, or start: an event that can come again need not be refused.

    Raises EvaluationError if a key of the job cannot be filled in.
    """
    version = store.job_in_force(event.job)
    if version is None or store.definition_trouble(version.digest):
        return True
    spec = store.definition(version.digest)
    concurrency = spec.concurrency
    if concurrency.limit is None or policy_for(spec, event.trigger) is not OverlapPolicy.QUEUE:
        return True
    first = _runs_of(event, spec, Origin(version.digest, moment.generation, moment.now), lambda: "0")[0]
    active, waiting = store.count_blocking(
        first.concurrency_key, at_most=concurrency.limit + concurrency.max_waiting
    )
    return active + waiting < concurrency.limit or waiting < concurrency.max_waiting


def record_event(store: Requesting, event: TriggerEvent, moment: Moment) -> Iterator[Event]:
    """Record an event and its run, inside the caller's transaction; a known event changes nothing.

    The event and its run are recorded together, so a crash neither loses nor repeats one. A job that is not
    in force, or that is disabled, follows no events; one that is paused skips them, and one whose keys cannot
    be filled in from the event, too. An event with a reason not to run is recorded in any case: a pause
    comes before that reason, because it is what a user has to end.
    """
    version = store.job_in_force(event.job)
    if version is None or store.definition_trouble(version.digest):
        return
    spec = store.definition(version.digest)
    if not (spec.enabled or event.not_run) or store.trigger_events.run_of(event):
        return
    origin = Origin(version.digest, moment.generation, moment.now)
    try:
        runs = _runs_of(event, spec, origin, moment.new_id)
    except EvaluationError as error:
        plain = replace(spec, concurrency=replace(spec.concurrency, key=None), idempotency_key=None)
        runs = _runs_of(event, plain, origin, moment.new_id)
        if not event.not_run:
            event = event._replace(not_run=Reason.TEMPLATE_ERROR, detail=str(error))
    # The answer names the run that has the key; for any other event a record says that it made no run.
    earlier = earlier_ids(store, runs, now=moment.now) if event.trigger is TriggerKind.WEBHOOK else ()
    store.trigger_events.add(event, run_id=earlier[0] if earlier else runs[0].id, now=moment.now)
    if earlier:
        return
    pauses = store.pauses.between(spec.name, since=moment.now, until=moment.now) if spec.enabled else ()
    if pauses:
        why = pauses[0].who
        yield from record_not_run(store, runs, spec, moment, reason=Reason.PAUSED, detail=why)
    elif event.not_run:
        yield from record_not_run(store, runs, spec, moment, reason=event.not_run, detail=event.detail)
    else:
        yield from record_runs(store, runs, spec, moment)


def _runs_of(
    event: TriggerEvent, spec: JobSpec, origin: Origin, new_id: Callable[[], str]
) -> tuple[Run, ...]:
    """The runs of an event, before they are recorded."""
    occurrence = replace(
        requested(spec.name, at=event.at, now=origin.now, arguments=event.arguments, trigger=event.trigger),
        trigger_values=event.trigger_values,
        caused_by=event.caused_by,
        retry_of=None if spec.matrix else event.retry_of,
    )
    return queued_runs(occurrence, spec, spec.matrix, origin, new_id)
