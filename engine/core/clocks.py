"""Whether to believe the wall clock: whether it was set, and whether it can be right. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

JUMP: Final = timedelta(seconds=2)
"""A wall clock that differs from the elapsed time by more than this was set."""

FAR_AHEAD: Final = timedelta(hours=24)
"""Nobody sets a clock this far ahead on purpose. Coverage cannot be undone, so the clock is not believed."""

FAR_BEHIND: Final = timedelta(hours=3)
"""If the clock is this far behind the ledger, this clock or the earlier one was wrong."""

LONGEST_ABSENCE: Final = timedelta(days=366)
"""How long the host can have been off before a reboot; a longer time is not believed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Both clocks at one moment; `elapsed` is seconds since boot, including suspend."""

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
