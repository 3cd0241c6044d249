"""Records what follows from the end of a run: runs of the jobs that follow its job, or why there are none."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final

from engine.core.events import Event
from engine.core.following import (
    Follow,
    RunEnd,
    Upstream,
    follow,
    skipped_by,
    started_by,
    upstream_of,
    upstreams,
)
from engine.core.lifecycle import Run, RunState, TriggerEvent, TriggerKind
from engine.core.reasons import Reason
from engine.core.vocabulary import in_words
from engine.ledger.store_ports import Consequences
from engine.transactions.account import Moment
from engine.transactions.trigger_events import record_event
from jobfile.model.jobs import AfterTrigger, JobSpec
from jobfile.model.values import Value

MOST_OF_A_TIME: Final = 1_000
"""Maximum runs of one job with one nominal time that a decision about several jobs reads."""
MOST_RETRIES: Final = 100
"""Maximum manual retries, one of the other, through which an earlier record of a follower is searched."""


def follow_end(store: Consequences, end: RunEnd, moment: Moment) -> Iterator[Event]:
    """Record what follows from an end, and that this is done: completely or not at all."""
    run = store.run(end.run_id)
    if run is not None and run.state.is_final:
        ended = upstream_of(store.runs_of(run.occurrence) or (run,))
        if ended.is_over:
            for job in store.following.followers(run.job, generation=end.generation):
                yield from _follow(store, job, ended, moment)
    store.following.done(end)


def followed_jobs(spec: JobSpec) -> frozenset[str]:
    """The jobs whose ends may start a job."""
    after = (one for one in spec.triggers if isinstance(one, AfterTrigger))
    return frozenset(job for trigger in after for job in trigger.jobs)


def _follow(store: Consequences, job: str, ended: Upstream, moment: Moment) -> Iterator[Event]:
    version = store.job_in_force(job)
    if version is None or store.definition_trouble(version.digest):
        return
    spec = store.definition(version.digest)
    for trigger in spec.triggers:
        if not isinstance(trigger, AfterTrigger) or ended.run.job not in trigger.jobs:
            continue
        of_time: Mapping[str, tuple[Upstream, ...]] = {}
        if trigger.job is None:
            of_time = {one: _at_its_time(store, one, ended.run) for one in trigger.jobs}
        found = follow(trigger, ended, of_time)
        event = None if found is None else _event(store, spec, trigger, found)
        if event is not None:
            yield from record_event(store, event, moment)


def _at_its_time(store: Consequences, job: str, run: Run) -> tuple[Upstream, ...]:
    runs = store.following.runs_at(job, run.scheduled_for, limit=MOST_OF_A_TIME)
    return upstreams(runs)


def _event(store: Consequences, spec: JobSpec, trigger: AfterTrigger, found: Follow) -> TriggerEvent | None:
    """The event to record; None if an earlier one about the same cause makes it superfluous."""
    cause = found.by[0]
    event = TriggerEvent(
        spec.name,
        TriggerKind.AFTER,
        found.identity,
        cause.scheduled_for,
        _values(store, found.by),
        caused_by=cause.id,
        not_run="" if spec.enabled else Reason.DISABLED,
    )
    causes = _causes(store, cause) if trigger.job is not None else [found.identity.rpartition(" ")[0]]
    skips = [store.trigger_events.run_of(event._replace(identity=skipped_by(one))) for one in causes]
    if found.is_start:
        # It runs after all, because a manual retry or late evidence has changed how its cause ended.
        earlier = next((one for one in skips if one and store.run(one) is not None), None)
        return event._replace(retry_of=earlier)
    starts = [event._replace(identity=started_by(trigger.when, one)) for one in causes]
    if any(skips) or any(map(store.trigger_events.run_of, starts)):
        return None
    return event._replace(not_run=event.not_run or Reason.AFTER, detail=cause.id if spec.enabled else "")


def _causes(store: Consequences, run: Run) -> list[str]:
    """A run and those that it retries by hand, as the causes of events."""
    found = [run.occurrence or run.id]
    older = run.retry_of
    while older is not None and len(found) < MOST_RETRIES:
        found.append(older)
        before = store.run(older)
        older = None if before is None else before.retry_of
    return found


def _values(store: Consequences, runs: tuple[Run, ...]) -> dict[str, Value]:
    """What templates read as `trigger.*`. Of several jobs, a name that more than one declares means none."""
    cause = runs[0]
    is_well = cause.verdict is RunState.SUCCEEDED
    each = [_declared(store, run) for run in runs]
    counts = Counter(name for one in each for name in one)
    values: dict[str, Value] = {
        "job": cause.job,
        "run_id": cause.id,
        "status": cause.verdict.value,
        "error": "" if is_well else in_words(cause),
    }
    for one in each:
        values |= {name: value for name, value in one.items() if counts[name] == 1 and value is not None}
    return values


def _declared(store: Consequences, run: Run) -> dict[str, Value | None]:
    """The declared outputs and params of a run by name; None for one without a value."""
    spec = store.definition(run.digest)
    given = {one.name: one.value for one in store.past.outputs(run.id) if not one.step}
    return {
        **{f"outputs.{one.name}": given.get(one.name) for one in spec.outputs},
        **{f"params.{one.name}": run.params.get(one.name) for one in spec.params},
    }
