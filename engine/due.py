"""Which occurrences of a schedule are due, and what becomes of each: the catch-up policy.

One path for the engine being down, the host suspended, the process stalled and the clock set forward.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import assert_never

from engine.lifecycle import RunState
from jobfile.model import CatchupMode, CatchupSpec, ScheduleEntry
from jobfile.occurrences import Fire, fires

ON_TIME = timedelta(seconds=10)
"""An occurrence that is accounted for within this time was not missed by anybody."""

GAP_FROM = 8
"""So many occurrences in a row that do not run are told by one gap record instead of a row each."""

ALL_WINDOW = timedelta(hours=24)
"""How far back `catchup: all` looks when it names no window."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToRun:
    """An occurrence that should run; `is_late` when it is made up for after its time."""

    fire: Fire
    is_late: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class NotRun:
    """Occurrences in a row that will not run, and why. `fires` is empty when there are too many to list."""

    first: datetime
    last: datetime
    count: int
    state: RunState
    reason: str
    fires: tuple[Fire, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """Every occurrence in (covered_until, now], each in exactly one of the two."""

    to_run: tuple[ToRun, ...] = ()
    not_run: tuple[NotRun, ...] = ()


def due(
    entries: Sequence[ScheduleEntry], catchup: CatchupSpec, *, covered_until: datetime, now: datetime
) -> Due:
    """Account for every occurrence of a schedule after `covered_until` up to and including `now`."""
    keep = catchup.limit + GAP_FROM + int(ON_TIME.total_seconds()) + 2
    newest: deque[Fire] = deque(maxlen=keep)
    count, first = 0, None
    for fire in fires(entries, after=covered_until, until=now):
        first = first or fire.at
        count += 1
        newest.append(fire)
    if first is None:
        return Due()
    is_punctual = now - first <= ON_TIME
    if is_punctual:
        return Due(to_run=tuple(ToRun(fire=fire, is_late=False) for fire in newest))
    wanted, state, reason = _wanted(catchup, tuple(newest), now=now)
    to_run = tuple(ToRun(fire=fire, is_late=now - fire.at > ON_TIME) for fire in wanted)
    return Due(to_run=to_run, not_run=_rest(newest, wanted, count, first, state=state, reason=reason))


def _wanted(
    catchup: CatchupSpec, newest: tuple[Fire, ...], *, now: datetime
) -> tuple[tuple[Fire, ...], RunState, str]:
    """Which of the newest occurrences run, and what the others are called."""
    on_time = tuple(fire for fire in newest if now - fire.at <= ON_TIME)
    late = newest[: len(newest) - len(on_time)]
    match catchup.mode:
        case CatchupMode.NONE:
            return on_time, RunState.MISSED, "engine_down"
        case CatchupMode.LAST:
            reach = catchup.window or (now - newest[0].at)
            if now - newest[-1].at > reach:
                return (), RunState.MISSED, "catchup_limit"
            return newest[-1:], RunState.SKIPPED, "superseded"
        case CatchupMode.ALL:
            window = catchup.window or ALL_WINDOW
            recent = tuple(fire for fire in late if now - fire.at <= window)
            kept = recent[max(0, len(recent) - catchup.limit) :]
            return (*kept, *on_time), RunState.MISSED, "catchup_limit"
        case _:
            assert_never(catchup.mode)


def _rest(
    newest: deque[Fire],
    wanted: tuple[Fire, ...],
    count: int,
    first: datetime,
    *,
    state: RunState,
    reason: str,
) -> tuple[NotRun, ...]:
    """The occurrences before the wanted ones: the wanted are always the newest."""
    rest = count - len(wanted)
    if rest == 0:
        return ()
    listed = tuple(newest)[: len(newest) - len(wanted)]
    return (
        NotRun(
            first=first,
            last=listed[-1].at,
            count=rest,
            state=state,
            reason=reason,
            fires=listed if rest <= GAP_FROM else (),
        ),
    )
