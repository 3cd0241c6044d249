"""Finds everything that was expected of a job in a window, each with its verdict:
the base of every answer.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from engine.core.lifecycle import Run, RunState
from engine.core.occurrences import deciding, grouped
from engine.core.records import Gap, Pause, Schedule
from engine.ledger.ports import History
from jobfile.model.namedtuple import NamedTuple
from jobfile.model.values import Value

if TYPE_CHECKING:
    from jobfile.schedule.occurrences import Fire

INSTANT = timedelta(microseconds=1)
"""One step back from an instant: windows are [since, until), but
occurrences are enumerated in (after, until].
"""

MAX_ITEMS = 100_000
"""Maximum number of expected runs of one job in one answer."""

NOT_ACCOUNTED = "not_accounted"
"""The reason of an occurrence that fell due while no engine could decide about it."""


class Item(NamedTuple):
    """One expected run. `run` is None when a gap record holds it, or no engine has decided yet.

    With a matrix it has several `runs`, one for each combination; `run` is the one that decides its verdict.

    With `pruned_at`, only the state is known. `due_at` is when an undecided run must start; None if nothing
    must start: the run exists, or its job was paused (then `detail` has the name of the user).
    """

    scheduled_for: datetime
    state: RunState
    reason: str
    is_scheduled: bool
    detail: str = ""
    run: Run | None = None
    schedule: Schedule | None = None
    arguments: Mapping[str, Value] | None = None
    pruned_at: datetime | None = None
    ran: bool = False
    due_at: datetime | None = None
    runs: tuple[Run, ...] = ()


def window_of(schedule: Schedule, *, since: datetime, until: datetime) -> tuple[datetime, datetime]:
    """The part of a window in which a schedule was in force, as (after, until]."""
    after = max(since - INSTANT, schedule.active_from)
    end = until - INSTANT
    return after, min(end, schedule.active_until) if schedule.active_until is not None else end


def expected_items(
    view: History, job: str, *, since: datetime, until: datetime, now: datetime
) -> tuple[Item, ...]:
    """Every run of a job that was expected in [since, until) and fell due by `now`, oldest first."""
    records = Records(
        runs=view.runs_between(job, since=since, until=until, limit=MAX_ITEMS),
        gaps=view.gaps_between(job, since=since, until=until),
        pauses=view.pauses_between(job, since=since, until=until),
        schedules=view.schedules_between(job, since=since, until=until),
    )
    return items_from(records, since=since, until=until, now=now)


class Records(NamedTuple):
    """What is recorded of one job in a window."""

    runs: Sequence[Run]
    """Newest first."""
    gaps: Sequence[Gap]
    pauses: Sequence[Pause]
    schedules: Sequence[Schedule]


def items_from(found: Records, *, since: datetime, until: datetime, now: datetime) -> tuple[Item, ...]:
    """Every run of a job that was expected in [since, until) and fell due by `now`, oldest first."""
    from jobfile.schedule.occurrences import fires  # noqa: PLC0415  start-up time: only where instants are computed

    runs, gaps, pauses = found.runs, found.gaps, found.pauses
    scheduled = grouped(run for run in reversed(runs) if run.schedule_key is not None)
    by_instant = {(group[0].clock_epoch, group[0].scheduled_for): group for group in scheduled}
    requested = grouped(run for run in reversed(runs) if run.schedule_key is None)
    items = [item_of(*group) for group in requested]
    for schedule in found.schedules:
        after, end = window_of(schedule, since=since, until=min(until, now + INSTANT))
        for fire in fires(schedule.entries, after=after, until=end):
            items.append(_scheduled(schedule, fire, by_instant, gaps) or _undecided(schedule, fire, pauses))
    return tuple(sorted(items, key=lambda item: item.scheduled_for)[-MAX_ITEMS:])


def upcoming(view: History, job: str, *, now: datetime, until: datetime) -> Iterator[datetime]:
    """The instants after `now` at which the schedule in force has runs."""
    from jobfile.schedule.occurrences import fires  # noqa: PLC0415  start-up time: only where instants are computed

    for schedule in view.schedules_between(job, since=now, until=until):
        if schedule.active_until is None:
            for fire in fires(schedule.entries, after=now, until=until):
                yield fire.at


def gap_within(gap: Gap, *, since: datetime, until: datetime) -> Gap | None:
    """The part of a gap record in [since, until); None if none of its occurrences is in it."""
    if since <= gap.first_at and gap.last_at < until:
        return gap
    from jobfile.schedule.occurrences import fires  # noqa: PLC0415  start-up time: only where instants are computed

    after = max(gap.first_at, since) - INSTANT
    inside = [fire.at for fire in fires(gap.entries, after=after, until=min(gap.last_at, until - INSTANT))]
    return replace(gap, first_at=inside[0], last_at=inside[-1], count=len(inside)) if inside else None


def item_of(*runs: Run) -> Item:
    """The item of a recorded run; of all runs of an occurrence with a matrix."""
    run = runs[0] if len(runs) == 1 else deciding(runs)
    return Item(
        scheduled_for=run.scheduled_for,
        state=run.verdict,
        reason=run.reason,
        detail=run.detail,
        is_scheduled=run.schedule_key is not None,
        run=run,
        ran=any(one.was_executed for one in runs),
        arguments=run.params,
        runs=runs,
    )


def start_of(schedule: Schedule, fire: "Fire") -> datetime:
    """When the run of an occurrence must start: at its instant, or after its spread."""
    from jobfile.schedule.occurrences import spread_delay  # noqa: PLC0415  start-up time: only where instants are computed

    return fire.at + spread_delay(schedule.entries[fire.entry].spread, schedule.job)


def pause_at(pauses: Sequence[Pause], at: datetime) -> Pause | None:
    """The pause that prevents an occurrence from running, if there is one."""
    return next((pause for pause in pauses if pause.holds_at(at)), None)


def _scheduled(
    schedule: Schedule,
    fire: "Fire",
    by_instant: Mapping[tuple[int, datetime], Sequence[Run]],
    gaps: Sequence[Gap],
) -> Item | None:
    """The item of an occurrence that is accounted for; None when no engine has decided about it."""
    runs = by_instant.get((schedule.clock_epoch, fire.at))
    if runs is not None:
        return item_of(*runs)
    arguments = schedule.entries[fire.entry].arguments
    for gap in gaps:
        if gap.schedule_id == schedule.id and gap.first_at <= fire.at <= gap.last_at:
            return Item(
                scheduled_for=fire.at,
                state=gap.state,
                reason=gap.reason,
                detail=gap.detail,
                is_scheduled=True,
                schedule=schedule,
                arguments=arguments,
                pruned_at=gap.pruned_at,
                ran=gap.ran,
            )
    return None


def _undecided(schedule: Schedule, fire: "Fire", pauses: Sequence[Pause]) -> Item:
    """The item of an occurrence that no engine has decided about."""
    pause = pause_at(pauses, fire.at)
    return Item(
        scheduled_for=fire.at,
        state=RunState.QUEUED,
        reason=NOT_ACCOUNTED,
        detail=pause.actor if pause is not None else "",
        is_scheduled=True,
        schedule=schedule,
        arguments=schedule.entries[fire.entry].arguments,
        due_at=None if pause is not None else start_of(schedule, fire),
    )
