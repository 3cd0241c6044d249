"""Account for due occurrences: occurrence -> decision -> record, inside the caller's transaction."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from engine.core.admission import Admit, Decision, Hold, Skip, admit, policy_for
from engine.core.events import Event, FellDueUnseen, NotRunTold, RunSettled, RunWaits, SkipsInARow
from engine.core.lifecycle import ACTIVE_STATES, Occurrence, Run, RunState, TriggerKind
from engine.core.occurrences import deciding
from engine.core.reasons import Reason
from engine.core.records import ENGINE_DOWN, Schedule
from engine.ledger.store_ports import Accounting
from engine.notifications.noting import owe_for_gap, owe_for_run
from engine.ports import Stop
from engine.transactions.keys import duplicate_of, take_key
from engine.transactions.stop import end_run
from engine.transactions.templates import concurrency_key, idempotency_key, slot_of
from engine.triggers.kind import NotMade
from engine.triggers.manual import requested
from engine.triggers.registry import watched_by
from jobfile.model.dataclass import dataclass
from jobfile.model.jobs import JobSpec, OverlapPolicy
from jobfile.model.namedtuple import NamedTuple
from jobfile.model.values import Scalar, Value

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
        yield from record_runs(store, _expected_runs(subject, occurrence, moment), spec, moment)
    if found.covered_until is None:
        return
    store.advance_coverage(schedule.id, to=found.covered_until)
    if found.unseen:
        yield FellDueUnseen(job=schedule.job, count=found.unseen, last_at=found.covered_until)


def decide_waiting(store: Accounting, run: Run, moment: Moment) -> Iterator[Event]:
    """Decide about a run whose spread has passed, and about the others of its occurrence: runs that block
    them now count, not those of their due time.
    """
    runs = store.runs_of(run.occurrence) if run.occurrence else (run,)
    waiting = [replace(one, reason="") for one in runs if one.reason == Reason.SPREAD]
    if waiting:
        yield from _decide(store, waiting, store.definition(run.digest), moment, record=store.decide)


def requested_runs(
    spec: JobSpec,
    *,
    new_id: Callable[[], str],
    digest: str,
    generation: int | None,
    params: Mapping[str, Value],
    at: datetime,
    now: datetime,
    requested_by: str = "",
    chosen: Sequence[Mapping[str, Scalar]] | None = None,
    trigger: TriggerKind = TriggerKind.MANUAL,
    key: str = "",
    caused_by: str | None = None,
) -> tuple[Run, ...]:
    """The runs of a request, before they are recorded; `at` is the time that they are for.

    One for each combination of the job's matrix, or for the chosen ones; without a matrix, one. `key` is an
    idempotency key in place of that of the job, `caused_by` the run that makes the request.
    """
    occurrence = requested(
        spec.name, at=at, now=now, arguments=params, requested_by=requested_by, trigger=trigger
    )
    occurrence = replace(occurrence, idempotency_key=key, caused_by=caused_by)
    origin = Origin(digest, generation, now)
    return queued_runs(occurrence, spec, spec.matrix if chosen is None else chosen, origin, new_id)


def retry_run(
    spec: JobSpec,
    old: Run,
    *,
    id: str,
    digest: str,
    generation: int | None,
    now: datetime,
    requested_by: str = "",
) -> Run:
    """The run that retries another by hand, before it is recorded: same time, params and combination."""
    spec = replace(spec, name=old.job)  # an old definition may be from before the job was renamed
    occurrence = requested(
        spec.name,
        at=old.scheduled_for,
        now=now,
        arguments=old.params,
        requested_by=requested_by,
        retry_of=old.id,
    )
    occurrence = replace(
        occurrence,
        idempotency_key=old.idempotency_key,
        trigger_values=old.trigger_values,
        caused_by=old.caused_by,
    )
    part = _Part(old.matrix, old.occurrence, old.combinations)
    return _queued_run(occurrence, spec, part, Origin(digest, generation, now), id=id)


class Requested(NamedTuple):
    """The result of a request."""

    runs: tuple[Run, ...]
    """Its runs, as the overlap policy decided. Of a duplicate, the earlier ones whose records still exist."""
    earlier: tuple[str, ...] = ()
    """Of a duplicate, the ids of the earlier runs: nothing was recorded."""


def request_runs(
    store: Accounting,
    runs: Sequence[Run],
    spec: JobSpec,
    moment: Moment,
    *,
    policy: OverlapPolicy | None = None,
) -> Requested:
    """Record the runs of a request, unless each is a duplicate of an earlier run.

    The policy is that of the job, unless another is given.
    """
    holders = _holders(store, runs, moment.now)
    if earlier := _earlier(holders):
        return Requested(_runs_with(store, earlier), earlier)
    recorded: dict[str, Run] = {}
    for _ in _record(store, runs, holders, spec, moment, policy=policy, recorded=recorded):
        pass
    return Requested(tuple(recorded[run.id] for run in runs))


def earlier_ids(store: Accounting, runs: Sequence[Run], *, now: datetime) -> tuple[str, ...]:
    """The ids of the runs of which these are all duplicates; empty if one is not.

    Of a matrix, the first run. A record may be deleted before its key expires, so such a run may be gone.
    """
    return _earlier(_holders(store, runs, now))


def _holders(store: Accounting, runs: Sequence[Run], now: datetime) -> dict[str, str]:
    """For each run the earlier one that has its key, or nothing."""
    return {run.id: duplicate_of(store, run, now=now) for run in runs}


def _earlier(holders: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(holders.values())) if all(holders.values()) else ()


def _runs_with(store: Accounting, ids: Sequence[str]) -> tuple[Run, ...]:
    found = (store.runs_of(one) or (store.run(one),) for one in ids)
    return tuple(run for some in found for run in some if run is not None)


def record_not_run(
    store: Accounting, runs: Sequence[Run], spec: JobSpec, moment: Moment, *, reason: str, detail: str = ""
) -> Iterator[Event]:
    """Record the runs of one occurrence as skipped, for a reason that is known before any decision."""
    for run in runs:
        event = _record_skip(store, _skipped(run, moment, reason=reason, detail=detail), spec, moment)
        if run is runs[0]:
            yield event


def bound_params(spec: JobSpec, arguments: Mapping[str, Value]) -> dict[str, Value]:
    """The arguments of a run: the given ones, and defaults for the rest."""
    defaults = {param.name: param.default for param in spec.params if param.default is not None}
    return {**defaults, **arguments}


class Origin(NamedTuple):
    """Which definition runs are made from, and when."""

    digest: str
    generation: int | None
    now: datetime


class _Part(NamedTuple):
    """Which run of an occurrence: its combination, the id of the first run, and the number of runs."""

    matrix: Mapping[str, Scalar]
    first: str
    total: int


_ALONE: Final = _Part({}, "", 0)


def _expected_runs(subject: _Subject, occurrence: Occurrence, moment: Moment) -> tuple[Run, ...]:
    schedule, spec = subject
    origin = Origin(schedule.digest, moment.generation, moment.now)
    return queued_runs(occurrence, spec, spec.matrix, origin, moment.new_id)


def queued_runs(
    occurrence: Occurrence,
    spec: JobSpec,
    chosen: Sequence[Mapping[str, Scalar]],
    origin: Origin,
    new_id: Callable[[], str],
) -> tuple[Run, ...]:
    """The runs of an occurrence: one for each combination, or one without a matrix."""
    if not chosen:
        return (_queued_run(occurrence, spec, _ALONE, origin, id=new_id()),)
    ids = [new_id() for _ in chosen]
    parts = [_Part(one, ids[0], len(ids)) for one in chosen]
    return tuple(
        _queued_run(occurrence, spec, part, origin, id=id) for id, part in zip(ids, parts, strict=True)
    )


def _queued_run(occurrence: Occurrence, spec: JobSpec, part: _Part, origin: Origin, *, id: str) -> Run:
    """The run of an occurrence, before anything is decided about it."""
    run = Run(
        id=id,
        job=occurrence.job,
        digest=origin.digest,
        generation=origin.generation,
        trigger=occurrence.trigger,
        schedule_key=occurrence.schedule_key,
        scheduled_for=occurrence.scheduled_for,
        params=bound_params(spec, occurrence.arguments),
        state=RunState.QUEUED,
        queued_at=origin.now,
        not_before=occurrence.not_before,
        start_by=occurrence.start_by,
        concurrency_key="",
        concurrency_limit=spec.concurrency.limit,
        requested_by=occurrence.requested_by,
        retry_of=occurrence.retry_of,
        clock_epoch=occurrence.clock_epoch,
        matrix=part.matrix,
        occurrence=part.first,
        combinations=part.total,
        trigger_values=occurrence.trigger_values,
        caused_by=occurrence.caused_by,
        idempotency_key=occurrence.idempotency_key,
        queue="" if spec.queue is None else spec.queue.name,
        queue_slots=None if spec.queue is None else spec.queue.slots,
        priority=spec.priority,
    )
    if not run.idempotency_key:
        run = replace(run, idempotency_key=idempotency_key(spec, run))
    return replace(run, concurrency_key=concurrency_key(spec, run), slot=slot_of(spec, run))


def _record_not_run(store: Accounting, subject: _Subject, not_made: NotMade, moment: Moment) -> Event:
    schedule, not_run = subject.schedule, not_made.about
    if not_made.listed:
        for occurrence in not_made.listed:
            for queued in _expected_runs(subject, occurrence, moment):
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


def record_runs(
    store: Accounting,
    runs: Sequence[Run],
    spec: JobSpec,
    moment: Moment,
    *,
    policy: OverlapPolicy | None = None,
) -> Iterator[Event]:
    """Record the runs of one occurrence, or one run."""
    holders = _holders(store, runs, moment.now)
    yield from _record(store, runs, holders, spec, moment, policy=policy, recorded={})


def _record(
    store: Accounting,
    runs: Sequence[Run],
    holders: Mapping[str, str],
    spec: JobSpec,
    moment: Moment,
    *,
    policy: OverlapPolicy | None,
    recorded: dict[str, Run],
) -> Iterator[Event]:
    """Record the runs of one occurrence, and enter in `recorded` what was decided about each."""
    for run in runs:
        if holders[run.id]:
            recorded[run.id] = _skipped(run, moment, reason=Reason.DUPLICATE, detail=holders[run.id])
            yield _record_skip(store, recorded[run.id], spec, moment)
    runs = [run for run in runs if not holders[run.id]]
    if not runs:
        return

    def record(run: Run) -> None:
        recorded[run.id] = run
        store.add_run(run)
        take_key(store, run, now=moment.now)

    if runs[0].not_before > moment.now and runs[0].trigger.is_scheduled:
        for run in runs:
            record(replace(run, reason=Reason.SPREAD))
        return
    yield from _decide(store, runs, spec, moment, record=record, policy=policy)


def _skipped(run: Run, moment: Moment, *, reason: str, detail: str) -> Run:
    return replace(run, state=RunState.SKIPPED, reason=reason, detail=detail, ended_at=moment.now)


def _record_skip(store: Accounting, skipped: Run, spec: JobSpec, moment: Moment) -> Event:
    """Record a run that is skipped."""
    store.add_run(skipped)
    owe_for_run(store, skipped, spec, now=moment.now)
    at = skipped.scheduled_for
    return NotRunTold(
        job=skipped.job,
        first_at=at,
        last_at=at,
        count=1,
        state=skipped.state,
        reason=skipped.reason,
        detail=skipped.detail,
    )


def _decide(
    store: Accounting,
    runs: Sequence[Run],
    spec: JobSpec,
    moment: Moment,
    *,
    record: Callable[[Run], bool | None],
    policy: OverlapPolicy | None = None,
) -> Iterator[Event]:
    """Decide once for each concurrency key, and record the runs: none skips another of its occurrence."""
    decisions: dict[str, Decision[Run]] = {}
    admitted: Counter[str] = Counter()
    told: dict[str, Run] = {}
    for run in runs:
        key = run.concurrency_key
        if key not in decisions:
            decisions[key] = _decision(store, run, spec, policy)
        decision = decisions[key]
        if isinstance(decision, Admit) and not run.slot:
            admitted[key] += 1
            if run.concurrency_limit is not None and admitted[key] > run.concurrency_limit:
                decision = Hold()  # it waits for another combination with its key
        recorded = _decided(run, decision, moment)
        if record(recorded) is not False:
            told.setdefault(key, recorded)
    for key, run in told.items():
        yield from _consequences(store, run, decisions[key], moment)


def _decision(
    store: Accounting, run: Run, spec: JobSpec, policy: OverlapPolicy | None = None
) -> Decision[Run]:
    """The overlap policy's decision about a run, given the other runs in the ledger."""
    policy = policy or policy_for(spec, run.trigger)
    others = _InTheWay(store, run.concurrency_key, run.occurrence, policy)
    decision = admit(concurrency=spec.concurrency, policy=policy, others=others)
    if isinstance(decision, Skip) and policy is OverlapPolicy.SKIP and store.backfills.of_job(run.job):
        return Hold()  # runs of the past must not take the place of an occurrence: it waits for them
    return decision


@dataclass(frozen=True, slots=True)
class _InTheWay:
    """The runs of other occurrences in the ledger; reads only what a decision needs."""

    store: Accounting
    key: str
    occurrence: str
    policy: OverlapPolicy

    def count(self, *, at_most: int) -> tuple[int, int]:
        return self.store.count_blocking(self.key, at_most=at_most, besides=self.occurrence)

    def rows(self, *, limit: int | None = None) -> tuple[Sequence[Run], Sequence[Run]]:
        found = self.store.blocking_runs(self.key, limit=limit, besides=self.occurrence)
        active = [one for one in found if one.state in ACTIVE_STATES]
        waiting = [one for one in found if one.state is RunState.QUEUED]
        if self.policy is OverlapPolicy.LATEST:  # an occurrence that has begun does not wait any more
            begun = {one.slot for one in active if one.slot}
            waiting = [one for one in waiting if one.slot not in begun]
        return active, waiting


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
            if _is_blocked(store, run):
                yield SkipsInARow(job=run.job, count=SKIPS_IN_A_ROW, detail=decision.detail)
        case Hold():
            yield from _clear_the_way(store, decision, by=run, moment=moment)
            yield RunWaits(run=run)
        case Admit():
            pass


def _is_blocked(store: Accounting, run: Run) -> bool:
    """Whether the Nth consecutive occurrence was just skipped because a run blocks it; true once."""
    newest = [
        deciding(store.runs_of(one.occurrence)) if one.occurrence else one
        for one in store.newest_occurrences(run.job, limit=SKIPS_IN_A_ROW + 1)
    ]
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


def _clear_the_way(store: Accounting, hold: Hold[Run], *, by: Run, moment: Moment) -> Iterator[Event]:
    """End what a waiting run replaces, each end with what follows from it."""
    now = moment.now
    for one in hold.superseded:
        skipped = replace(one, state=RunState.SKIPPED, reason=Reason.SUPERSEDED, detail=by.id, ended_at=now)
        if store.end_waiting(one.id, state=skipped.state, reason=skipped.reason, detail=by.id, now=now):
            owe_for_run(store, skipped, store.definition(one.digest), now=now)
            yield RunSettled(run=skipped, number=one.attempt, seconds=None)
    for how, running in ((Stop.CANCEL, hold.cancelled), (Stop.KILL, hold.killed)):
        for one in running:
            yield from end_run(store, one, how, reason=Reason.REPLACED, detail=by.id, now=now) or ()
