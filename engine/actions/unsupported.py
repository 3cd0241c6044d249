"""Features of the language that this engine cannot run yet: reported before anything is put in force."""

from collections.abc import Iterator

from engine.actions.registry import is_runnable, simple_actions
from jobfile.actions.registry import key_of
from jobfile.model.catalog import Catalog, CompiledJob
from jobfile.model.jobs import JobSpec


def beyond_engine(catalog: Catalog) -> tuple[str, ...]:
    """One line for each job that the engine cannot run yet; such a set is not put in force."""
    return tuple(told for told in map(beyond_engine_of, catalog.jobs) if told)


def beyond_engine_of(job: CompiledJob) -> str:
    """The unsupported keys of a job, in one line; empty if there are none."""
    needs = needs_of(job.spec)
    if not needs:
        return ""
    keys = ", ".join(f"`{key}`" for key in needs)
    place = f"{job.origin.file}:{job.origin.line}"
    return f"{place}: job `{job.spec.name}` is valid, but this engine cannot run {keys} yet; remove it"


def needs_beyond(catalog: Catalog) -> dict[str, tuple[str, ...]]:
    """The unsupported keys by job, without jobs that have none."""
    found = {job.spec.name: needs_of(job.spec) for job in catalog.jobs}
    return {job: keys for job, keys in found.items() if keys}


def needs_of(spec: JobSpec) -> tuple[str, ...]:
    """The keys of a job that the engine does not support, each once."""
    return tuple(dict.fromkeys(_needs(spec)))


def _needs(spec: JobSpec) -> Iterator[str]:
    """The keys of a job that the engine does not support."""
    yield from (key_of(one) for one in simple_actions(spec.action) if not is_runnable(one))
