"""Finds differences between the running engine and the files: pauses, manual params, the version."""

from collections.abc import Iterator
from datetime import datetime

from engine.core.lifecycle import TriggerKind
from engine.core.vocabulary import other_version, paused_though_enabled, short
from engine.ledger.ports import View
from engine.planning.facts import pause_text
from engine.transactions.pause import holding
from jobfile import __version__
from jobfile.model.catalog import Catalog


def drift_of(view: View | None, catalog: Catalog, *, now: datetime) -> tuple[str, ...]:
    """One line for each difference between the state of the engine and a set of jobs."""
    return () if view is None else tuple(_drift(view, catalog, now))


def _drift(view: View, catalog: Catalog, now: datetime) -> Iterator[str]:
    jobs = {one.spec.name: one.spec for one in catalog.jobs}
    paused = holding(view, now)
    for pause in paused:
        yield f"{pause.job} paused {pause_text(pause)}"
    enabled = [one.job for one in paused if one.job in jobs and jobs[one.job].enabled]
    if enabled:
        yield paused_though_enabled(len(enabled))
    for run in view.open_runs():
        spec = jobs.get(run.job)
        if run.trigger is TriggerKind.MANUAL and spec is not None:
            usual = {param.name: param.default for param in spec.params}
            given = sorted(name for name, value in run.params.items() if usual.get(name) != value)
            if given:
                names = ", ".join(given)
                yield f"{run.job} has an open run with params given by hand: {names} (run {short(run.id)})"
    session = view.last_session()
    if session is not None and session.ended_at is None and session.version != __version__:
        yield other_version(session.version, __version__)
