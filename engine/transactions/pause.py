"""Pauses: the ones in force, those by users, and the pause of a job after its own failures."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from engine.core.errors import JobfileError
from engine.core.events import Event, JobPaused
from engine.core.lifecycle import Run, RunState
from engine.core.occurrences import deciding, is_over, newest_of_each
from engine.core.records import Pause
from engine.ledger.ports import History
from jobfile.model.counts import many
from jobfile.model.jobs import JobSpec

if TYPE_CHECKING:
    from engine.ledger.store_ports import Pausing  # not when `status` starts: it asks only which pauses hold

BAD_ENDS = (RunState.FAILED, RunState.TIMED_OUT, RunState.LOST)
"""The ends that count as failures; a lost run counts, because its end is unknown."""

BY_FAILURES = "failures"
BY_HAND = "hand"
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


def pause_after_failures(store: "Pausing", run: Run, spec: JobSpec, *, now: datetime) -> list[Event]:
    """Pause the job of a run that has just ended, if it has reached its limit of failures.

    Failures before the job was resumed do not count.
    """
    limit = spec.pause_on_failure
    if limit is None:
        return []
    if run.occurrence:  # a matrix counts once, when all its runs are over
        runs = store.runs_of(run.occurrence)
        if not is_over(runs):
            return []
        run = deciding(newest_of_each(runs))
    if run.state not in BAD_ENDS:
        return []
    if store.pauses.between(run.job, since=now, until=now):
        return []
    since = store.pauses.last_resume(run.job) or _BEGINNING
    ends = store.newest_ends(run.job, since=since, limit=limit, combinations=run.combinations)
    if len(ends) < limit or RunState.SUCCEEDED in ends:
        return []
    reason = f"{many(limit, 'failed run', 'failed runs in a row')}, the last is {run.id[:8]}"
    pause = Pause(
        job=run.job,
        source=BY_FAILURES,
        actor="engine",
        reason=reason,
        paused_at=now,
        until=None,
        ended_at=None,
        ended_by="",
    )
    store.pauses.add(pause)
    store.audit(actor="engine", action="pause", object=run.job, detail=reason, now=now)
    return [JobPaused(job=run.job, reason=reason)]


def holding(view: History, now: datetime) -> tuple[Pause, ...]:
    """The pauses in force at an instant, the oldest first."""
    return tuple(pause for pause in view.pauses_between(None, since=now, until=now) if pause.holds_at(now))


def pause_by_hand(store: "Pausing", pause: Pause) -> Pause:
    """Pause a job for a user; returns the pause in force, which is an older one if the job is paused already.

    Raises when the user asks for a different end than the older pause has.
    """
    job, now = pause.job, pause.paused_at
    if before := store.pauses.between(job, since=now, until=now):
        if pause.until not in (None, before[-1].until):
            raise JobfileError(
                f"{job} is paused already, with a different end; resume it first:  jobfile resume {job}"
            )
        return before[-1]
    store.pauses.add(pause)
    until = f"until {pause.until.isoformat()}" if pause.until else ""
    detail = "; ".join(part for part in (pause.reason, until) if part)
    store.audit(actor=pause.actor, action="pause", object=job, detail=detail, now=now)
    return pause


def resume_by_hand(store: "Pausing", job: str, *, by: str, why: str, now: datetime) -> bool:
    """End the pauses of a job for a user; returns whether there were any."""
    ended = store.pauses.end(job, by=by, now=now)
    if ended:
        store.audit(actor=by, action="resume", object=job, detail=why, now=now)
    return ended > 0
