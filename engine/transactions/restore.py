"""An older copy of the ledger was restored: lists the runs that it would repeat, or continues from it."""

from datetime import datetime

from engine.core.lifecycle import RunState
from engine.core.reasons import Reason
from engine.core.records import RESTORED_HOLD
from engine.ledger.store_ports import Scheduling
from engine.notifications.noting import owe_for_hold
from engine.triggers.registry import watched_by
from jobfile.model.namedtuple import NamedTuple
from jobfile.schedule.occurrences import fires

RESTORED = Reason.RESTORED
"""The reason of occurrences that a user marked as missed because another ledger had accounted for them."""

MAX_JOBS_NAMED = 12


class Again(NamedTuple):
    """A job with occurrences that are missing in this copy; some of them would run again."""

    job: str
    unknown: int
    again: int
    since: datetime


def would_run_again(store: Scheduling, *, until: datetime, now: datetime) -> tuple[Again, ...]:
    """The jobs with occurrences up to `until` that the newer ledger accounted for and this copy did not."""
    found = []
    for schedule in store.schedules_in_force():
        spec = store.definition(schedule.digest)
        planned = watched_by(schedule).due(store, schedule, spec, now=now)
        unknown = sum(1 for _ in fires(schedule.entries, after=schedule.covered_until, until=min(until, now)))
        again = sum(1 for one in planned.to_run if one.scheduled_for <= until)
        if unknown:
            found.append(Again(schedule.job, unknown, again, schedule.covered_until))
    return tuple(sorted(found))


def again_text(found: tuple[Again, ...]) -> str:
    """The jobs that would run again, one line for each."""
    lines = [
        f"{one.job}: {one.unknown} unknown since {one.since:%Y-%m-%d %H:%M}Z, {one.again} would run again"
        for one in found[:MAX_JOBS_NAMED]
    ]
    if len(found) > MAX_JOBS_NAMED:
        lines.append(f"and {len(found) - MAX_JOBS_NAMED} more jobs")
    return "; ".join(lines) or "no schedule of this copy has anything to catch up"


def accept_copy(store: Scheduling, *, by: str, marks_missed: bool, now: datetime) -> None:
    """Continue from the copy; with `marks_missed`, no occurrence that it does not know of runs again."""
    with store.transaction():
        missed = _mark_missed(store, now=now) if marks_missed else 0
        if store.incidents.hold(RESTORED_HOLD) is not None:
            owe_for_hold(store, RESTORED_HOLD, begins=False, detail=f"accepted by {by}", now=now)
        store.incidents.end_hold(RESTORED_HOLD, by=by, now=now)
        detail = f"{missed} occurrences marked as missed" if marks_missed else ""
        store.audit(actor=by, action="accept_rewind", object="ledger", detail=detail, now=now)


def _mark_missed(store: Scheduling, *, now: datetime) -> int:
    """Record all occurrences up to now as missed, so that none of them runs again; returns the number."""
    count = 0
    generation = store.current_generation()
    for schedule in store.schedules_in_force():
        found = [fire.at for fire in fires(schedule.entries, after=schedule.covered_until, until=now)]
        if not found:
            continue
        assert generation is not None
        store.add_gap(
            schedule,
            first_at=found[0],
            last_at=found[-1],
            count=len(found),
            state=RunState.MISSED,
            reason=RESTORED,
            detail="",
            generation=generation.number,
            now=now,
        )
        store.advance_coverage(schedule.id, to=found[-1])
        count += len(found)
    return count
