"""Sends requests to the engine through the ledger: one transaction each, recorded in the audit."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import NoReturn

from engine.asking.place import Place
from engine.core.errors import JobfileError, WrongUsageError
from engine.core.lifecycle import Run, RunState
from engine.core.reasons import Reason
from engine.execution.run_folders import copy_run
from engine.host.environment import environment
from engine.host.home import prepare_ledger
from engine.host.lock import make_state_dir
from engine.host.run_ids import new_run_id
from engine.host.wake import poke
from engine.ledger.opening import open_ledger
from engine.ledger.store_ports import Requesting
from engine.ports import Stop
from engine.transactions.account import Moment, earlier_ids, request_runs, requested_runs, retry_run
from engine.transactions.requests import requesting_run
from engine.transactions.steps import has_steps, keep_steps, kept_of
from engine.transactions.stop import end_run
from jobfile.expressions.expression import EvaluationError
from jobfile.model.catalog import CompiledJob
from jobfile.model.jobs import JobSpec, OverlapPolicy
from jobfile.model.values import Scalar, Value


def new_runs(
    spec: JobSpec,
    *,
    digest: str,
    generation: int | None,
    params: Mapping[str, Value],
    at: datetime,
    now: datetime,
    by: str,
    chosen: Sequence[Mapping[str, Scalar]] | None = None,
    key: str = "",
) -> tuple[Run, ...]:
    """Make the runs of a request, without recording them: of the chosen combinations, or of all.

    `by` is who requests them, and `key` an idempotency key in place of that of the job.
    """
    try:
        return requested_runs(
            spec,
            new_id=new_run_id,
            digest=digest,
            generation=generation,
            params=params,
            at=at,
            now=now,
            requested_by=by,
            chosen=chosen,
            key=key,
        )
    except EvaluationError as error:  # a key needs a value that, for example, only a trigger gives
        raise WrongUsageError(str(error)) from error


def new_retry(spec: JobSpec, old: Run, *, digest: str, generation: int | None, now: datetime, by: str) -> Run:
    """Make the retry of a run, without recording it."""
    return retry_run(
        spec,
        old,
        id=new_run_id(),
        digest=digest,
        generation=generation,
        now=now,
        requested_by=by,
    )


def record(
    store: Requesting,
    runs: Sequence[Run],
    job: CompiledJob,
    *,
    why: str,
    now: datetime,
    policy: OverlapPolicy | None = None,
    continues: Run | None = None,
) -> tuple[Run, ...]:
    """Record the runs of a request and the reason; return them as the overlap policy decided.

    If they are duplicates of earlier runs, nothing is recorded, and those are returned. `continues` is the
    run whose steps a retry does not run again.
    """
    moment = Moment(now=now, generation=runs[0].generation or 0, new_id=new_run_id)
    parent = requesting_run(store, environment())
    runs = [replace(run, caused_by=parent) if parent and not run.retry_of else run for run in runs]
    with store.transaction():
        if earlier := earlier_ids(store, runs, now=now):
            found, _ = request_runs(store, runs, job.spec, moment)
            return found or _refuse_deleted(earlier[0])
        store.add_definition(job)
        requested = request_runs(store, runs, job.spec, moment, policy=policy)
        recorded = tuple(
            store.run(run.id) or run for run in requested.runs
        )  # as every other answer shows them
        if continues is not None and not recorded[0].state.is_final:
            keep_steps(store, recorded[0], continues, job.spec)
        for run in runs:
            store.audit(
                actor=run.requested_by,
                action="retry" if run.retry_of else "run",
                object=run.retry_of or run.id,
                detail="; ".join(part for part in (why, f"run {run.id}") if part),
                now=now,
            )
    return recorded


def _refuse_deleted(run_id: str) -> NoReturn:
    raise JobfileError(
        f"duplicate of run {run_id}, whose record was deleted; nothing was started. To run the job again, "
        "give another --key"
    )


def is_duplicate(recorded: Sequence[Run], requested: Sequence[Run]) -> bool:
    """Whether a request got the runs of an earlier one, because these have its key."""
    return not {run.id for run in recorded} & {run.id for run in requested}


def prepare_state(place: Place) -> None:
    """Create the state folder and an empty ledger, closed to other users, if they do not exist."""
    make_state_dir(place.state_dir)
    prepare_ledger(place.config)


def hand_over(
    place: Place,
    runs: Sequence[Run],
    job: CompiledJob,
    *,
    why: str,
    now: datetime,
    all_steps: bool = False,
) -> tuple[Run, ...]:
    """Record the runs of a request, and wake the process that may start them."""
    return hand_over_all(place, [(runs, job)], why=why, now=now, all_steps=all_steps)


def hand_over_all(
    place: Place,
    requests: Sequence[tuple[Sequence[Run], CompiledJob]],
    *,
    why: str,
    now: datetime,
    policy: OverlapPolicy | None = None,
    all_steps: bool = False,
) -> tuple[Run, ...]:
    """Record the runs of requests, each request as one, and wake the process that may start them.

    `policy` replaces that of each job. A run that retries one continues at the first step that has not
    succeeded, unless all steps are to run.
    """
    prepare_state(place)
    store = open_ledger(place.config.ledger_url)
    try:
        recorded: list[Run] = []
        for runs, job in requests:
            old = None if all_steps else _continued(place, store, runs[0], job)
            recorded += record(store, runs, job, why=why, now=now, policy=policy, continues=old)
    finally:
        store.close()
    poke(place.state_dir)
    return tuple(recorded)


def _continued(place: Place, store: Requesting, run: Run, job: CompiledJob) -> Run | None:
    """The run whose steps a retry need not run again; None if it has to begin at the first one.

    Its folder is copied, since the other steps may need files of the first ones.
    """
    old = store.run(run.retry_of) if run.retry_of and has_steps(job.spec) else None
    if old is None or old.digest != job.digest or not kept_of(store.steps.of_run(old.id), old, job.spec):
        return None
    return old if copy_run(place.config.run_dir(old.id), place.config.run_dir(run.id)) else None


def _is_ended(store: Requesting, run: Run, how: Stop, *, why: str, now: datetime) -> bool:
    """End a run, or ask it to end; False if it was over."""
    return end_run(store, run, how, reason=Reason.BY_HAND, detail=why, now=now) is not None


def ask_to_stop(
    place: Place, runs: Sequence[Run], how: Stop, *, why: str, now: datetime, only_queued: bool = False
) -> tuple[Run, ...]:
    """Cancel runs: at once those without a process, the others through their supervisors.

    Return them as they are then; a run that is over stays as it is, and with `only_queued` one that has
    started meanwhile does, too.
    """
    store = open_ledger(place.config.ledger_url)
    after: list[Run] = []
    with store.transaction():
        for one in runs:
            run = store.run(one.id)
            assert run is not None
            is_spared = only_queued and run.state is not RunState.QUEUED
            if not is_spared and _is_ended(store, run, how, why=why, now=now):
                action = "cancel" if how is Stop.CANCEL else "kill"
                store.audit(actor=place.user, action=action, object=run.id, detail=why, now=now)
            after.append(store.run(run.id) or run)
    store.close()
    poke(place.state_dir)
    return tuple(after)
