"""Account for what is due: occurrence -> decision -> record, inside the caller's transaction."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from engine.admission import Admit, Decision, Hold, Skip, admit
from engine.due import NotRun, ToRun, due
from engine.events import Event, NotRunTold, RunWaits
from engine.ledger import Store
from engine.lifecycle import ACTIVE_STATES, Run, RunState, TriggerKind
from engine.ports import Stop
from engine.records import Schedule
from jobfile.model import CatchupMode, JobSpec, OverlapPolicy
from jobfile.occurrences import load_zone
from jobfile.template import has_template, render_text
from jobfile.values import Value

DEFAULT_KEY = "default"
"""The schedule key of a job's one occurrence set: its schedules are a union."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """What a decision needs from outside: the time, the generation in force, and where ids come from."""

    now: datetime
    generation: int
    new_id: Callable[[], str]


def account(store: Store, schedule: Schedule, moment: Moment) -> Iterator[Event]:
    """Record every occurrence of a schedule that fell due, and advance its coverage over them.

    Run to its end inside one transaction: rows without coverage or coverage without rows must not exist.
    """
    spec = store.definition(schedule.digest)
    found = due(schedule.entries, spec.catchup, covered_until=schedule.covered_until, now=moment.now)
    for not_run in found.not_run:
        yield _record_not_run(store, schedule, spec, not_run, moment)
    for to_run in found.to_run:
        yield from _record_run(store, _scheduled_run(schedule, spec, to_run, moment), spec, moment)
    instants = [to_run.fire.at for to_run in found.to_run] + [one.last for one in found.not_run]
    if instants:
        store.advance_coverage(schedule.id, to=max(instants))


def request_run(store: Store, run: Run, spec: JobSpec, moment: Moment) -> tuple[Run, tuple[Event, ...]]:
    """Record a run that a person asked for; what the overlap policy makes of it is in the result."""
    events = tuple(_record_run(store, run, spec, moment))
    recorded = store.run(run.id)
    assert recorded is not None
    return recorded, events


def concurrency_key(spec: JobSpec, run: Run) -> str:
    """The name under which runs count against one limit: the job's own name, or the rendered key."""
    key = spec.concurrency.key
    if key is None:
        return spec.name
    return render_text(key, template_values(spec, run)) if has_template(key) else key


def template_values(spec: JobSpec, run: Run) -> dict[str, object]:
    """What names mean in the templates of a run, as far as it is known before an attempt starts."""
    return {
        "vars": dict(spec.vars),
        "params": dict(run.params),
        "run": {
            "id": run.id,
            "job": run.job,
            "trigger": run.trigger.value,
            "idempotency_key": "",
            "scheduled_at": run.scheduled_for.astimezone(_zone(spec)),
        },
    }


def bound_params(spec: JobSpec, arguments: Mapping[str, Value]) -> dict[str, Value]:
    """The arguments of a run: what was given, and the defaults for the rest."""
    defaults = {param.name: param.default for param in spec.params if param.default is not None}
    return {**defaults, **arguments}


def _zone(spec: JobSpec) -> ZoneInfo:
    from_catalog = load_zone(spec.timezone)
    assert from_catalog is not None, f"{spec.timezone} was checked when the job was compiled"
    return from_catalog


def _scheduled_run(schedule: Schedule, spec: JobSpec, to_run: ToRun, moment: Moment) -> Run:
    trigger = TriggerKind.CATCHUP if to_run.is_late else TriggerKind.SCHEDULE
    arguments = schedule.entries[to_run.fire.entry].arguments
    run = Run(
        id=moment.new_id(),
        job=schedule.job,
        digest=schedule.digest,
        generation=moment.generation,
        trigger=trigger,
        schedule_key=schedule.schedule_key,
        scheduled_for=to_run.fire.at,
        params=bound_params(spec, arguments),
        state=RunState.QUEUED,
        queued_at=moment.now,
        not_before=to_run.fire.at,
        concurrency_key="",
        concurrency_limit=spec.concurrency.limit,
    )
    return replace(run, concurrency_key=concurrency_key(spec, run))


def _record_not_run(
    store: Store, schedule: Schedule, spec: JobSpec, not_run: NotRun, moment: Moment
) -> Event:
    if not_run.fires:
        for fire in not_run.fires:
            queued = _scheduled_run(schedule, spec, ToRun(fire=fire, is_late=True), moment)
            ended = replace(queued, state=not_run.state, reason=not_run.reason, ended_at=moment.now)
            store.add_run(ended)
    else:
        store.add_gap(
            schedule,
            first_at=not_run.first,
            last_at=not_run.last,
            count=not_run.count,
            state=not_run.state,
            reason=not_run.reason,
            generation=moment.generation,
            now=moment.now,
        )
    return NotRunTold(
        job=schedule.job,
        first_at=not_run.first,
        last_at=not_run.last,
        count=not_run.count,
        state=not_run.state,
        reason=not_run.reason,
    )


def _record_run(store: Store, run: Run, spec: JobSpec, moment: Moment) -> Iterator[Event]:
    open_runs = store.runs_in_the_way(run.concurrency_key)
    decision = admit(
        concurrency=spec.concurrency,
        policy=_policy(spec, run),
        active=[one for one in open_runs if one.state in ACTIVE_STATES],
        waiting=[one for one in open_runs if one.state is RunState.QUEUED],
    )
    recorded = _decided(run, decision, moment)
    store.add_run(recorded)
    match decision:
        case Skip():
            yield NotRunTold(
                job=run.job,
                first_at=run.scheduled_for,
                last_at=run.scheduled_for,
                count=1,
                state=decision.state,
                reason=decision.reason,
                detail=decision.detail,
            )
        case Hold():
            _clear_the_way(store, decision, by=run, moment=moment)
            yield RunWaits(run=recorded)
        case Admit():
            pass


def _policy(spec: JobSpec, run: Run) -> OverlapPolicy:
    """A tick is redundant and an event is not: without a policy a schedule skips and a request queues.

    `catchup: all` promises each of its runs, in order, so these queue instead of being skipped.
    """
    if run.trigger is TriggerKind.CATCHUP and spec.catchup.mode is CatchupMode.ALL:
        return OverlapPolicy.QUEUE
    if spec.concurrency.on_overlap is not None:
        return spec.concurrency.on_overlap
    return OverlapPolicy.SKIP if run.trigger.is_scheduled else OverlapPolicy.QUEUE


def _decided(run: Run, decision: Decision, moment: Moment) -> Run:
    match decision:
        case Admit():
            return run
        case Hold():
            return replace(run, reason="overlap")
        case Skip():
            return replace(
                run,
                state=decision.state,
                reason=decision.reason,
                detail=decision.detail,
                ended_at=moment.now,
            )


def _clear_the_way(store: Store, hold: Hold, *, by: Run, moment: Moment) -> None:
    for waiting in hold.superseded:
        store.end_waiting(
            waiting.id, state=RunState.SKIPPED, reason="superseded", detail=by.id, now=moment.now
        )
    for how, running in ((Stop.CANCEL, hold.cancelled), (Stop.KILL, hold.killed)):
        for one in running:
            store.request_stop(one.id, how, reason="replaced", detail=by.id, now=moment.now)
