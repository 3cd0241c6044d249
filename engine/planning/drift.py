"""Finds differences between the running engine and the files: pauses, manual params, the version."""

from collections.abc import Iterator

from engine.core.vocabulary import other_version, paused_though_enabled, short
from engine.planning.in_force import Standing
from jobfile import __version__
from jobfile.model.catalog import Catalog


def drift_of(standing: Standing | None, catalog: Catalog) -> tuple[str, ...]:
    """One line for each difference between the state of the engine and a set of jobs."""
    return () if standing is None else tuple(_drift(standing, catalog))


def _drift(standing: Standing, catalog: Catalog) -> Iterator[str]:
    jobs = {one.spec.name: one.spec for one in catalog.jobs}
    for job, words in standing.paused:
        yield f"{job} paused {words}"
    enabled = [job for job, _ in standing.paused if job in jobs and jobs[job].enabled]
    if enabled:
        yield paused_though_enabled(len(enabled))
    for run, job, params in standing.by_hand:
        spec = jobs.get(job)
        if spec is not None:
            usual = {param.name: param.default for param in spec.params}
            given = sorted(name for name, value in params.items() if usual.get(name) != value)
            if given:
                names = ", ".join(given)
                yield f"{job} has an open run with params given by hand: {names} (run {short(run)})"
    if standing.version and standing.version != __version__:
        yield other_version(standing.version, __version__)
