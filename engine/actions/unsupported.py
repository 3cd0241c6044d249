"""What the language has and this engine cannot do yet: told before anything is put in force."""

from collections.abc import Iterator
from typing import Final

from engine.actions.registry import is_runnable
from jobfile.actions.registry import key_of
from jobfile.model.catalog import Catalog, CompiledJob
from jobfile.model.jobs import ExpectSpec, JobSpec

UNABLE: Final = (
    *("steps", "http", "python", "expect", "triggers", "matrix", "if", "queue", "priority"),
    *("idempotency_key", "outputs", "artifacts", "notify", "retry"),
)
"""The keys of which `check` says so; of `retry` only the conditions that a request meets."""


def beyond_engine(catalog: Catalog) -> tuple[str, ...]:
    """One line for each job that needs more than the engine can do; nothing of such a set is put in force."""
    return tuple(told for told in map(beyond_engine_of, catalog.jobs) if told)


def beyond_engine_of(job: CompiledJob) -> str:
    """What the engine cannot do of a job, in one line; empty when it can do all of it."""
    needs = needs_of(job.spec)
    if not needs:
        return ""
    keys = ", ".join(f"`{key}`" for key in needs)
    place = f"{job.origin.file}:{job.origin.line}"
    return f"{place}: job `{job.spec.name}` is right, but this engine cannot run {keys} yet; leave it out"


def needs_beyond(catalog: Catalog) -> dict[str, tuple[str, ...]]:
    """What the engine cannot do, by job; jobs of which it can do all are left out."""
    found = {job.spec.name: needs_of(job.spec) for job in catalog.jobs}
    return {job: keys for job, keys in found.items() if keys}


def needs_of(spec: JobSpec) -> tuple[str, ...]:
    """The keys of a job that the engine does not know what to do with, each once."""
    return tuple(dict.fromkeys(_needs(spec)))


def _needs(spec: JobSpec) -> Iterator[str]:
    """The keys of a job that the engine does not know what to do with."""
    if not is_runnable(spec.action):
        yield key_of(spec.action)
    if spec.expect != ExpectSpec():
        yield "expect"
    given: dict[str, object] = {
        "triggers": spec.triggers,
        "matrix": spec.matrix,
        "if": spec.condition,
        "queue": spec.queue,
        "priority": spec.priority,
        "idempotency_key": spec.idempotency_key,
        "outputs": spec.outputs,
        "artifacts": spec.artifacts,
        "notify": spec.notify,
    }
    yield from (key for key, value in given.items() if value)
    yield from (f"retry on {one}" for one in spec.retry.when if one.startswith(("http:", "connect")))
