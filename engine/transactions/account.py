"""Account for due occurrences: occurrence -> decision -> record, inside the caller's transaction."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from engine.core.admission import Admit, Decision, Hold, Skip, admit, policy_for
from engine.core.events import Event, FellDueUnseen, NotRunTold, RunWaits, SkipsInARow
from engine.core.lifecycle import ACTIVE_STATES, Occurrence, Run, RunState, TriggerKind
from engine.core.reasons import Reason
from engine.core.records import ENGINE_DOWN, Schedule
from engine.ledger.store_ports import Accounting
from engine.notifications.noting import owe_for_gap, owe_for_run
from engine.ports import Stop
from engine.triggers.kind import NotMade
from engine.triggers.manual import requested
from engine.triggers.registry import watched_by
from jobfile.expressions.template import has_template, render_text
from jobfile.model.dataclass import dataclass
from jobfile.model.jobs import JobSpec, OverlapPolicy
from jobfile.model.values import Value
from jobfile.schedule.occurrences import load_zone

SKIPS_IN_A_ROW = 3
"""After this many consecutive skips the user is warned: a stuck run silences its job."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """What a decision needs from outside: the time, the generation in force, and a source of ids."""

    now: datetime
    generation: int
    new_id: Callable[[], str]
    absence: str = ENGINE_DOWN


class _Subject(NamedTuple):
    """A schedule with the definition of its job."""

    schedule: Schedule
    spec: JobSpec


def account(store: Accounting, schedule: Schedule, moment: Moment) -> Iterator[Event]:
    """Record every occurrence of a schedule that fell due, and advance its coverage over them.

    Must complete inside one transaction: rows without coverage, or coverage without rows, must not exist.
    """
    spec = store.definition(schedule.digest)
    subject = _Subject(schedule, spec)
    found = watched_by(schedule).due(store, schedule, spec, now=moment.now, absence=moment.absence)
    for not_made in found.not_run:
        yield _record_not_run(store, subject, not_made, moment)
    for occurrence in found.to_run:
        run = _expected_run(subject, occurrence, moment)
        yield from _record_run(store, run, spec, moment)
    if found.covered_until is None:
        return
    store.advance_coverage(schedule.id, to=found.covered_until)
    if found.unseen:
        yield FellDueUnseen(job=schedule.job, count=found.unseen, last_at=found.covered_until)


def decide_waiting(store: Accounting, run: Run, moment: Moment) -> Iterator[Event]:
    """Decide about a run whose spread has passed: runs that block it now count, not those of its due time."""
    spec = store.definition(run.digest)
    decision = _decision(store, run, spec)
    recorded = _decided(replace(run, reason=""), decision, moment)
    if store.decide(recorded):
        yield from _consequences(store, recorded, decision, moment)


def requested_run(
    spec: JobSpec,
    *,
    id: str,
    digest: str,
    generation: int | None,
    params: Mapping[str, Value],
    at: datetime,
    now: datetime,
    requested_by: str = "",
    retry_of: str | None = None,
    trigger: TriggerKind = TriggerKind.MANUAL,
) -> Run:
    """A requested run, before it is recorded; `at` is the time that it is for."""
    occurrence = requested(
        spec.name,
        at=at,
        now=now,
        arguments=params,
        requested_by=requested_by,
        retry_of=retry_of,
        trigger=trigger,
    )
    return _queued_run(occurrence, spec, id=id, digest=digest, generation=generation, now=now)


def request_run(
    store: Accounting, run: Run, spec: JobSpec, moment: Moment, *, policy: OverlapPolicy | None = None
) -> tuple[Run, tuple[Event, ...]]:
    """Record a run that a user requests; returns it as the overlap policy decided, and the events.

    The policy is that of the job, unless another is given.
    """
    events = tuple(_record_run(store, run, spec, moment, policy=policy))
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
    """The values of names in a run's templates, as far as known before an attempt starts."""
    return {
        "vars": dict(spec.vars),
        "params": dict(run.params),
        "run": {
            "id": run.id,
            "job": run.job,
            "trigger": run.trigger.value,
            "idempotency_key": "",
            "scheduled_at": run.scheduled_for.astimezone(zone_of(spec)),
        },
    }


def bound_params(spec: JobSpec, arguments: Mapping[str, Value]) -> dict[str, Value]:
    """The arguments of a run: the given ones, and defaults for the rest."""
    defaults = {param.name: param.default for param in spec.params if param.default is not None}
    return {**defaults, **arguments}


def zone_of(spec: JobSpec) -> ZoneInfo:
    """The job's zone."""
    from_catalog = load_zone(spec.timezone)
    assert from_catalog is not None, f"{spec.timezone} was checked when the job was compiled"
    return from_catalog


def _expected_run(subject: _Subject, occurrence: Occurrence, moment: Moment) -> Run:
    schedule, spec = subject
    return _queued_run(
        occurrence,
        spec,
        id=moment.new_id(),
        digest=schedule.digest,
        generation=moment.generation,
        now=moment.now,
    )


def _queued_run(
    occurrence: Occurrence, spec: JobSpec, *, id: str, digest: str, generation: int | None, now: datetime
) -> Run:
    """The run of an occurrence, before anything is decided about it."""
    run = Run(
        id=id,
        job=occurrence.job,
        digest=digest,
        generation=generation,
        trigger=occurrence.trigger,
        schedule_key=occurrence.schedule_key,
        scheduled_for=occurrence.scheduled_for,
        params=bound_params(spec, occurrence.arguments),
        state=RunState.QUEUED,
        queued_at=now,
        not_before=occurrence.not_before,
        start_by=occurrence.start_by,
        concurrency_key="",
        concurrency_limit=spec.concurrency.limit,
        requested_by=occurrence.requested_by,
        retry_of=occurrence.retry_of,
        clock_epoch=occurrence.clock_epoch,
    )
    return replace(run, concurrency_key=concurrency_key(spec, run))


def _record_not_run(store: Accounting, subject: _Subject, not_made: NotMade, moment: Moment) -> Event:
    schedule, not_run = subject.schedule, not_made.about
    if not_made.listed:
        for occurrence in not_made.listed:
            queued = _expected_run(subject, occurrence, moment)
            ended = replace(queued, state=not_run.state, reason=not_run.reason, ended_at=moment.now)
            store.add_run(ended)
            owe_for_run(store, ended, subject.spec, now=moment.now)
    else:
        owe_for_gap(store, not_run, subject.spec, now=moment.now)
        store.add_gap(
            schedule,
            first_at=not_run.first,
            last_at=not_run.last,
            count=not_run.count,
            state=not_run.state,
            reason=not_run.reason,
            detail=not_run.detail,
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
        detail=not_run.detail,
    )


def _record_run(
    store: Accounting, run: Run, spec: JobSpec, moment: Moment, *, policy: OverlapPolicy | None = None
) -> Iterator[Event]:
    if run.not_before > moment.now and run.trigger.is_scheduled:
        store.add_run(replace(run, reason=Reason.SPREAD))
        return
    decision = _decision(store, run, spec, policy)
    recorded = _decided(run, decision, moment)
    store.add_run(recorded)
    yield from _consequences(store, recorded, decision, moment)


def _decision(
    store: Accounting, run: Run, spec: JobSpec, policy: OverlapPolicy | None = None
) -> Decision[Run]:
    """The overlap policy's decision about a run, given the other runs in the ledger."""
    others = _InTheWay(store, run.concurrency_key)
    return admit(concurrency=spec.concurrency, policy=policy or policy_for(spec, run.trigger), others=others)


@dataclass(frozen=True, slots=True)
class _InTheWay:
    """The other runs in the ledger; reads only what a decision needs."""

    store: Accounting
    key: str

    def count(self, *, at_most: int) -> tuple[int, int]:
        return self.store.count_blocking(self.key, at_most=at_most)

    def rows(self, *, limit: int | None = None) -> tuple[Sequence[Run], Sequence[Run]]:
        found = self.store.blocking_runs(self.key, limit=limit)
        active = [one for one in found if one.state in ACTIVE_STATES]
        return active, [one for one in found if one.state is RunState.QUEUED]


def _consequences(store: Accounting, run: Run, decision: Decision[Run], moment: Moment) -> Iterator[Event]:
    match decision:
        case Skip():
            owe_for_run(store, run, store.definition(run.digest), now=moment.now)
            yield NotRunTold(
                job=run.job,
                first_at=run.scheduled_for,
                last_at=run.scheduled_for,
                count=1,
                state=decision.state,
                reason=decision.reason,
                detail=decision.detail,
            )
            if _is_blocked(store, run.job):
                yield SkipsInARow(job=run.job, count=SKIPS_IN_A_ROW, detail=decision.detail)
        case Hold():
            _clear_the_way(store, decision, by=run, moment=moment)
            yield RunWaits(run=run)
        case Admit():
            pass


def _is_blocked(store: Accounting, job: str) -> bool:
    """Whether the Nth consecutive occurrence was just skipped because a run blocks it; true once."""
    newest = store.newest_occurrences(job, limit=SKIPS_IN_A_ROW + 1)
    skips = [(one.state, one.reason) == (RunState.SKIPPED, Reason.OVERLAP) for one in newest]
    return skips[:SKIPS_IN_A_ROW] == [True] * SKIPS_IN_A_ROW and skips[SKIPS_IN_A_ROW:] != [True]


def _decided(run: Run, decision: Decision[Run], moment: Moment) -> Run:
    match decision:
        case Admit():
            # Catch-up runs start at a limited rate; see the worker.
            return replace(run, reason=Reason.CATCHUP_PACING) if run.trigger is TriggerKind.CATCHUP else run
        case Hold():
            return replace(run, reason=Reason.OVERLAP)
        case Skip():
            return replace(
                run,
                state=decision.state,
                reason=decision.reason,
                detail=decision.detail,
                ended_at=moment.now,
            )


def _clear_the_way(store: Accounting, hold: Hold[Run], *, by: Run, moment: Moment) -> None:
    for waiting in hold.superseded:
        store.end_waiting(
            waiting.id, state=RunState.SKIPPED, reason=Reason.SUPERSEDED, detail=by.id, now=moment.now
        )
    for how, running in ((Stop.CANCEL, hold.cancelled), (Stop.KILL, hold.killed)):
        for one in running:
            store.request_stop(one.id, how, reason=Reason.REPLACED, detail=by.id, now=moment.now)
