"""Reads facts of the ledger about the jobs that a plan changes."""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime

from engine.core.lifecycle import RunState
from engine.core.records import Pause
from engine.ledger.ports import History, View
from engine.transactions.pause import holding
from jobfile.plan import JobFacts
from jobfile.plan.wording import clock_text, day_text

RECENT_RUNS = 20
"""Number of runs with whose lengths a timeout is compared."""


def facts_of(view: View, jobs: Iterable[str], *, now: datetime) -> Mapping[str, JobFacts]:
    """For each job: its open runs, the longest of its recent successful ones, its last end, and its pause."""
    states: Counter[tuple[str, RunState]] = Counter((run.job, run.state) for run in view.open_runs())
    pauses = {pause.job: pause for pause in holding(view, now)}
    found = {}
    for job in jobs:
        lengths = view.lengths(job, limit=RECENT_RUNS)
        pause = pauses.get(job)
        found[job] = JobFacts(
            running=states[job, RunState.RUNNING] + states[job, RunState.CANCELLING],
            waiting=states[job, RunState.QUEUED],
            retrying=states[job, RunState.RETRY_WAIT],
            longest=max(lengths, default=None),
            of=len(lengths),
            last_run=_last_run(view, job, now),
            paused="" if pause is None else pause_text(pause),
        )
    return found


def _last_run(view: History, job: str, now: datetime) -> str:
    run = view.newest_run(job, until=now)
    if run is None:
        return ""
    return f"{day_text(run.scheduled_for, now)} {clock_text(run.scheduled_for)} {run.state.value}"


def pause_text(pause: Pause) -> str:
    """A pause as text: by whom, since when, until when and why."""
    until = f" until {pause.until:%Y-%m-%d %H:%MZ}" if pause.until else ""
    why = f' "{pause.reason}"' if pause.reason else ""
    return f"by {pause.actor} since {pause.paused_at:%Y-%m-%d %H:%MZ}{until}{why}"
