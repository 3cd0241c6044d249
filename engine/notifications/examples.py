"""An event as `jobfile notify preview` shows it: something else may have happened to the run. Pure."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from engine.core.lateness import Late, LateKind, deadline_of, local_day
from engine.core.lifecycle import Run, RunState
from engine.notifications.noting import LATE, ODD, Facts, facts_of_late, facts_of_run
from jobfile.model.jobs import JobSpec

_STATES: Final[Mapping[str, tuple[RunState, ...]]] = {
    "failed": (RunState.FAILED, RunState.TIMED_OUT, RunState.LOST),
    "missed": (RunState.MISSED,),
    "skipped": (RunState.SKIPPED,),
    "recovered": (RunState.SUCCEEDED,),
    "succeeded": (RunState.SUCCEEDED,),
    ODD: (RunState.SUCCEEDED,),
}
NOT_EXECUTED: Final = ("missed", "skipped")
"""Events of runs that were not executed: they have no output."""


def example_facts(
    event: str, run: Run, spec: JobSpec | None, *, previous: RunState | None, now: datetime
) -> Facts | None:
    """The facts of an event about a run; None for `late` and `odd` of a job that is never that.

    Why the run ended as it did says nothing about another event.
    """
    facts = {"event": event, "job": run.job, **facts_of_run(run, previous=previous)}
    if event == LATE:
        late = None if spec is None else _example_late(run, spec, now)
        return None if late is None else {**facts, **facts_of_late(late), "exit_code": None}
    if event == ODD and not (spec is not None and spec.expect.usual):
        return None
    if run.state in _STATES[event]:
        return facts
    return {**facts, "state": event, "reason": "", "detail": "", "exit_code": None}


def _example_late(run: Run, spec: JobSpec, now: datetime) -> Late | None:
    """The first respect in which a job may be late, at the time of a run."""
    expect, zone, at = spec.expect, spec.timezone, run.scheduled_for
    if expect.done_by is not None:
        by = deadline_of(expect.done_by, zone, local_day(at, zone))
        return Late(run.job, LateKind.DONE_BY, "", by or now, scheduled_for=at, run_id=run.id)
    if expect.success_every is not None:
        return Late(run.job, LateKind.SUCCESS_EVERY, "", now, limit=expect.success_every)
    if expect.max_duration is not None:
        since = (run.started_at or at) + expect.max_duration
        return Late(run.job, LateKind.MAX_DURATION, "", since, limit=expect.max_duration, run_id=run.id)
    return None
