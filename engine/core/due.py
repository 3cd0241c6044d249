"""Which occurrences of a schedule are due, and what happens to each: the catch-up policy.

The same code handles a stopped engine, a suspended host, a stalled process and a clock set forward.
"""

from collections.abc import Iterator, Sequence
from dataclasses import field
from datetime import datetime, timedelta
from itertools import islice, pairwise
from typing import assert_never

from engine.core.lifecycle import RunState
from engine.core.reasons import Reason
from engine.core.records import ENGINE_DOWN, ON_TIME, Pause
from jobfile.model.dataclass import dataclass
from jobfile.model.jobs import CatchupMode, CatchupSpec, ScheduleEntry
from jobfile.model.namedtuple import NamedTuple
from jobfile.schedule.occurrences import Fire, fires

GAP_FROM = 8
"""More consecutive occurrences than this that do not run become one gap record instead of a row each."""

ALL_WINDOW = timedelta(hours=24)
"""How far back `catchup: all` looks when it names no window."""

_INSTANT = timedelta.resolution
"""The smallest step of time.

Windows are (after, until], so `at - _INSTANT` puts `at` into the next window.
"""
_HOUR = timedelta(hours=1)
_PAUSED = Reason.PAUSED
_TOO_LATE = Reason.CATCHUP_LIMIT


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The job's rules for the occurrences of its schedule. `delays` holds the fixed spread of each entry."""

    entries: Sequence[ScheduleEntry]
    catchup: CatchupSpec = field(default_factory=CatchupSpec)
    delays: Sequence[timedelta] = ()
    start_deadline: timedelta | None = None

    def not_before(self, fire: Fire) -> datetime:
        """When the run of a fire may start: its instant plus the spread of its entry."""
        return fire.at + self.delays[fire.entry] if self.delays else fire.at


@dataclass(frozen=True, slots=True, kw_only=True)
class ToRun:
    """An occurrence that should run; `is_late` when it is caught up after its time."""

    fire: Fire
    is_late: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class NotRun:
    """Consecutive occurrences that will not run, and why. `fires` is empty when a gap record holds them."""

    first: datetime
    last: datetime
    count: int
    state: RunState
    reason: str
    detail: str = ""
    fires: tuple[Fire, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """Every occurrence in (covered_until, now], each in exactly one of the two lists, oldest first."""

    to_run: tuple[ToRun, ...] = ()
    not_run: tuple[NotRun, ...] = ()

    @property
    def unseen(self) -> int:
        """The number that fell due while no engine was running; a pause does not count."""
        late = sum(1 for one in self.to_run if one.is_late)
        return late + sum(one.count for one in self.not_run if one.reason != _PAUSED)


class _Window(NamedTuple):
    """A part of the window, (after, until]: paused, too old to start, or open."""

    after: datetime
    until: datetime
    paused: str | None = None
    is_expired: bool = False


def due(
    rules: Rules,
    *,
    covered_until: datetime,
    now: datetime,
    pauses: Sequence[Pause] = (),
    absence: str = ENGINE_DOWN,
) -> Due:
    """Account for every occurrence of a schedule after `covered_until` up to and including `now`.

    `absence` is the reason of those that no engine saw in time.
    """
    first = next(fires(rules.entries, after=covered_until, until=now), None)
    if first is None:
        return Due()
    # The usual case: all are on time, so none can be caught up, too old or paused.
    if not pauses and now - first.at <= ON_TIME:
        found = fires(rules.entries, after=covered_until, until=now)
        return Due(to_run=tuple(ToRun(fire=fire, is_late=False) for fire in found))
    windows = tuple(_windows(rules, pauses, covered_until, now))
    wanted, state, reason = _chosen(rules, windows, now, absence)
    to_run = tuple(ToRun(fire=fire, is_late=now - rules.not_before(fire) > ON_TIME) for fire in wanted)
    not_run = tuple(
        one
        for window in windows
        for piece in _cut(window, wanted)
        if (one := _not_run(rules, piece, state, reason)) is not None
    )
    return Due(to_run=to_run, not_run=not_run)


def _windows(
    rules: Rules, pauses: Sequence[Pause], covered_until: datetime, now: datetime
) -> Iterator[_Window]:
    """The window, cut where a pause begins or ends and at the start deadline.

    A pause therefore holds in all of a part or in none of it, and asking at its end is enough.
    """
    # A pause holds at its first instant, not at its end; an occurrence just at its deadline may still start.
    expires = now - rules.start_deadline - _INSTANT if rules.start_deadline is not None else covered_until
    cuts = {covered_until, now, expires}
    for pause in pauses:
        cuts |= {pause.paused_at - _INSTANT, now if pause.end is None else pause.end - _INSTANT}
    inside = sorted(at for at in cuts if covered_until <= at <= now)
    for after, until in pairwise(inside):
        paused = next((pause for pause in pauses if pause.holds_at(until)), None)
        yield _Window(after, until, None if paused is None else paused.who, until <= expires)


def _chosen(
    rules: Rules, windows: Sequence[_Window], now: datetime, absence: str
) -> tuple[tuple[Fire, ...], RunState, str]:
    """The occurrences that run, oldest first; state and reason of the rest, unless paused or expired."""
    usable = [window for window in windows if window.paused is None and not window.is_expired]
    timely = tuple(_timely(rules, usable, now))
    catchup = rules.catchup
    match catchup.mode:
        case CatchupMode.NONE:
            return timely, RunState.MISSED, absence
        case CatchupMode.LAST:
            newest = _newest(rules, usable, 1)
            if not newest:
                return (), RunState.MISSED, Reason.START_DEADLINE
            # Occurrences whose spread has not passed are not late: they run beside the newest.
            waiting = tuple(fire for fire in timely if rules.not_before(fire) > now)
            is_past = catchup.window is not None and now - newest[0].at > catchup.window
            if is_past and newest[0] not in waiting:
                return waiting, RunState.MISSED, _TOO_LATE
            return tuple(sorted({*newest, *waiting})), RunState.SKIPPED, Reason.SUPERSEDED
        case CatchupMode.ALL:
            # The limit counts late occurrences only.
            begin = now - (catchup.window or ALL_WINDOW) - _INSTANT
            recent = [window._replace(after=max(window.after, begin)) for window in usable]
            late = _newest(rules, recent, catchup.limit, but=frozenset(timely))
            return tuple(sorted({*late, *timely})), RunState.MISSED, _TOO_LATE
        case _:
            assert_never(catchup.mode)


def _timely(rules: Rules, windows: Sequence[_Window], now: datetime) -> Iterator[Fire]:
    """The occurrences whose start is now, or later because of their spread; oldest first.

    An occurrence may be as old as the longest spread and still start on time.
    """
    longest = max(rules.delays, default=timedelta(0))
    for window in windows:
        after = max(window.after, now - longest - ON_TIME - _INSTANT)
        if after < window.until:
            for fire in fires(rules.entries, after=after, until=window.until):
                if now - rules.not_before(fire) <= ON_TIME:
                    yield fire


def _newest(
    rules: Rules, windows: Sequence[_Window], count: int, *, but: frozenset[Fire] = frozenset()
) -> tuple[Fire, ...]:
    """The last `count` occurrences of some windows, oldest first.

    `fires` only lists forwards, and a year of minutes would take long: so stretches are listed from the end
    backwards, each four times as long as the one before, until there are enough.
    """
    found: list[Fire] = []
    for window in reversed(windows):
        until, span = window.until, _HOUR
        while until > window.after and len(found) < count:
            after = max(window.after, until - span)
            stretch = [fire for fire in fires(rules.entries, after=after, until=until) if fire not in but]
            found = stretch[-(count - len(found)) :] + found
            until, span = after, span * 4
    return tuple(found)


def _cut(window: _Window, wanted: Sequence[Fire]) -> Iterator[_Window]:
    """The parts of a window between the occurrences that run."""
    after = window.after
    for fire in wanted:
        if window.after < fire.at <= window.until:
            yield window._replace(after=after, until=fire.at - _INSTANT)
            after = fire.at
    yield window._replace(after=after)


def _not_run(rules: Rules, window: _Window, state: RunState, reason: str) -> NotRun | None:
    """The record for the occurrences of a window, none of which runs; None if there are none."""
    found = fires(rules.entries, after=window.after, until=window.until)
    # One more than rows are made for shows whether a gap record is needed; the rest is only counted.
    listed = tuple(islice(found, GAP_FROM + 1))
    if not listed:
        return None
    count, last = len(listed), listed[-1]
    for last in found:  # noqa: B007  used after the loop
        count += 1
    if window.paused is not None:
        state, reason = RunState.SKIPPED, _PAUSED
    elif window.is_expired and reason == _TOO_LATE:  # the deadline is the more exact reason
        reason = Reason.START_DEADLINE
    is_listed = count <= GAP_FROM and window.paused is None
    return NotRun(
        first=listed[0].at,
        last=last.at,
        count=count,
        state=state,
        reason=reason,
        detail=window.paused or "",
        fires=listed if is_listed else (),
    )
