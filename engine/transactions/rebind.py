"""A waiting run whose job was changed: its first attempt uses the definition in force when it starts."""

from dataclasses import replace

from engine.core.lifecycle import Run, TriggerKind
from engine.transactions.account import bound_params
from engine.transactions.templates import concurrency_key, slot_of
from jobfile.expressions.expression import EvaluationError
from jobfile.expressions.params import check_value
from jobfile.model.catalog import CompiledJob
from jobfile.model.jobs import JobSpec


def rebind(run: Run, *, old: JobSpec, new: CompiledJob) -> Run | None:
    """The run under another definition; None when its arguments or its combination do not fit there.

    Only params that differ from the old defaults were given on purpose. A run that was attempted already
    keeps its definition: a retry only repeats.
    """
    if run.digest == new.digest or run.attempt > 0:
        return None
    if run.matrix not in (new.spec.matrix or ({},)):
        return None
    defaults = {param.name: param.default for param in old.params}
    meant = {name: value for name, value in run.params.items() if value != defaults.get(name)}
    declared = {param.name: param for param in new.spec.params}
    if any(name not in declared or check_value(declared[name], value) for name, value in meant.items()):
        return None
    params = bound_params(new.spec, meant)
    if any(param.is_required and param.name not in params for param in new.spec.params):
        return None
    queue = new.spec.queue
    rebound = replace(
        run,
        digest=new.digest,
        params=params,
        concurrency_limit=new.spec.concurrency.limit,
        queue="" if queue is None else queue.name,
        queue_slots=None if queue is None else queue.slots,
        priority=run.priority if run.trigger is TriggerKind.BACKFILL else new.spec.priority,
    )
    try:
        key = concurrency_key(new.spec, rebound)
        return replace(rebound, concurrency_key=key, slot=slot_of(new.spec, rebound))
    except EvaluationError:
        return None
