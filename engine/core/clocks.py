"""Decides whether to believe the wall clock: whether it was set, and whether it can be right.

It compares the wall clock with the elapsed time since boot, which is never set, and with what the ledger has
recorded.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

JUMP: Final = timedelta(seconds=2)
"""A wall clock that has moved by this much more or less than the elapsed time was set."""

FAR_AHEAD: Final = timedelta(hours=24)
"""A clock that was set further ahead is not believed.

Coverage cannot be undone, and a wrong clock would account for every occurrence up to its time.
"""

FAR_BEHIND: Final = timedelta(hours=3)
"""If the clock is further behind the recorded coverage, this clock or the earlier one was wrong."""

LONGEST_ABSENCE: Final = timedelta(days=366)
"""The longest believable time since the engine was last seen, when the host has rebooted meanwhile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Both clocks at one moment; `elapsed` is the seconds since boot, with suspends."""

    wall: datetime
    elapsed: float


def jump_between(before: Reading, after: Reading) -> timedelta:
    """How far the wall clock was set between two readings of one boot; positive is forward."""
    return after.wall - before.wall - timedelta(seconds=after.elapsed - before.elapsed)


def implausible(
    now: Reading,
    *,
    trusted: Reading | None,
    last_seen: datetime | None,
    covered_until: datetime | None,
    built_at: datetime,
) -> str:
    """Why the wall clock cannot be right; empty when it can.

    `trusted` is the last believed reading of this boot. Without one, because the host was rebooted, the
    elapsed time says nothing, and `last_seen` is the last known wall clock of an earlier boot. `built_at` is
    a time that no correct clock shows any more.
    """
    if now.wall < built_at:
        return f"the clock says {_text(now.wall)}, which is before this version of jobfile was built"
    if trusted is not None and jump_between(trusted, now) > FAR_AHEAD:
        return f"the clock went from {_text(trusted.wall)} to {_text(now.wall)}, but much less time passed"
    if trusted is None and last_seen is not None and now.wall - last_seen > LONGEST_ABSENCE:
        return f"the clock says {_text(now.wall)}, but an engine last ran at {_text(last_seen)}"
    if covered_until is not None and covered_until - now.wall > FAR_BEHIND:
        said = f"the clock says {_text(now.wall)}, but everything up to {_text(covered_until)}"
        return f"{said} is already recorded"
    return ""


def _text(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%SZ}"
