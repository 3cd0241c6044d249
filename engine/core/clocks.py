"""What to believe of the wall clock: whether it was set, and whether it can be true. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

JUMP: Final = timedelta(seconds=2)
"""A wall clock that differs by more than this from the time that passed was set."""

FAR_AHEAD: Final = timedelta(hours=24)
"""No clock is set so far ahead in order; coverage cannot be undone, so such a clock is not believed."""

FAR_BEHIND: Final = timedelta(hours=3)
"""So far behind what is accounted for, one of the two clocks was wrong: this one, or the earlier one."""

LONGEST_ABSENCE: Final = timedelta(days=366)
"""After a reboot nobody knows how long the host was off; longer than this is not believed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Both clocks at one moment; `elapsed` is seconds since boot, suspend included."""

    wall: datetime
    elapsed: float


def jump_between(before: Reading, after: Reading) -> timedelta:
    """By how much the wall clock was set between two readings of one boot; positive is forward."""
    return after.wall - before.wall - timedelta(seconds=after.elapsed - before.elapsed)


def implausible(
    now: Reading,
    *,
    trusted: Reading | None,
    last_seen: datetime | None,
    covered_until: datetime | None,
    built_at: datetime,
) -> str:
    """Why the wall clock cannot be true; empty when it can.

    `trusted` is the last believed reading of this boot, `last_seen` the wall clock of an earlier one.
    """
    if now.wall < built_at:
        return f"the clock says {_text(now.wall)}, which is before this program was made"
    if trusted is not None and jump_between(trusted, now) > FAR_AHEAD:
        return f"the clock went from {_text(trusted.wall)} to {_text(now.wall)} with too little time between"
    if trusted is None and last_seen is not None and now.wall - last_seen > LONGEST_ABSENCE:
        return f"the clock says {_text(now.wall)}, and the engine was last seen {_text(last_seen)}"
    if covered_until is not None and covered_until - now.wall > FAR_BEHIND:
        return (
            f"the clock says {_text(now.wall)}, and everything up to {_text(covered_until)} is accounted for"
        )
    return ""


def _text(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%SZ}"
