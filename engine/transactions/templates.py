"""The values that a run's templates read, as far as known before an attempt starts, and a run's keys."""

from collections.abc import Mapping
from functools import lru_cache
from zoneinfo import ZoneInfo

from engine.core.lifecycle import Run
from jobfile.expressions.expression import EvaluationError
from jobfile.expressions.template import find_slots, has_template, names_in, render_text
from jobfile.model.jobs import JobSpec
from jobfile.model.values import Value
from jobfile.schedule.occurrences import load_zone

KEPT_KEYS = 1_000
"""Size of the cache of concurrency keys: each run needs to know whether its key names an axis."""


def concurrency_key(spec: JobSpec, run: Run) -> str:
    """The name under which runs count against one limit: the job's own name, or the rendered key."""
    key = spec.concurrency.key
    return spec.name if key is None else _filled_in("concurrency key", key, spec, run)


def idempotency_key(spec: JobSpec, run: Run) -> str:
    """The rendered idempotency key of a run; empty if its job has none."""
    key = spec.idempotency_key
    return "" if key is None else _filled_in("idempotency key", key, spec, run)


def _filled_in(what: str, key: str, spec: JobSpec, run: Run) -> str:
    """A key with its values. Raises EvaluationError that says which key it is, and which value is missing."""
    if not has_template(key):
        return key
    try:
        return render_text(key, template_values(spec, run))
    except EvaluationError as error:
        is_event = "`trigger." in str(error) and not run.trigger_values
        advice = "; only an event gives it: test `run.trigger` first" if is_event else ""
        raise EvaluationError(
            f"the {what} of job `{spec.name}` cannot be filled in: {error}{advice}"
        ) from error


def slot_of(spec: JobSpec, run: Run) -> str:
    """What a run of a matrix counts as against the limit: all runs of its occurrence count once, unless the
    concurrency key names an axis; then each counts.
    """
    return "" if names_an_axis(spec) else run.occurrence


def names_an_axis(spec: JobSpec) -> bool:
    """Whether the concurrency key of a job names an axis of its matrix."""
    return spec.concurrency.key is not None and _has_axis(spec.concurrency.key)


@lru_cache(maxsize=KEPT_KEYS)
def _has_axis(key: str) -> bool:
    slots, _ = find_slots(key)
    return any(name.startswith("matrix.") for slot in slots for name in names_in(slot.source))


def template_values(spec: JobSpec, run: Run) -> dict[str, object]:
    """The values of names in a run's templates, as far as known before an attempt starts."""
    values: dict[str, object] = {} if not run.trigger_values else {"trigger": _nested(run.trigger_values)}
    return values | {
        "vars": dict(spec.vars),
        "params": dict(run.params),
        "matrix": dict(run.matrix),
        "run": {
            "id": run.id,
            "job": run.job,
            "trigger": run.trigger.value,
            "idempotency_key": run.idempotency_key,
            "scheduled_at": run.scheduled_for.astimezone(zone_of(spec)),
        },
    }


def _nested(flat: Mapping[str, Value]) -> dict[str, object]:
    """Values with names like `outputs.rows`, as a template reads them: rows within outputs."""
    nested: dict[str, object] = {}
    for name, value in flat.items():
        head, dot, rest = name.partition(".")
        if dot:
            inner = nested.setdefault(head, {})
            assert isinstance(inner, dict)
            inner[rest] = value
        else:
            nested[name] = value
    return nested


def zone_of(spec: JobSpec) -> ZoneInfo:
    """The job's zone."""
    from_catalog = load_zone(spec.timezone)
    assert from_catalog is not None, f"{spec.timezone} was checked when the job was compiled"
    return from_catalog
