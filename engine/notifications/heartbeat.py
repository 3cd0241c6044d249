"""What the engine reports to its outside watchdog: nothing unless every occurrence is accounted for. Pure."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from jobfile.model.counts import many
from jobfile.model.namedtuple import NamedTuple

FRESH: Final = timedelta(minutes=2)
"""How far behind the clock the coverage may be; after that, only silence is true."""


class Sums(NamedTuple):
    """Today's expected runs and their verdicts, or why they could not be counted."""

    expected: int = 0
    verdicts: Mapping[str, int] = {}
    adds_up: bool = True
    error: str = ""


class Beat(NamedTuple):
    """The news for the watchdog: whether all is well, and why not."""

    is_well: bool
    words: str


def needs_beat(covered_until: datetime | None, hold: str, now: datetime) -> bool:
    """Whether there is something to tell: starts are on hold, or everything up to now is accounted for."""
    return bool(hold) or (covered_until is not None and abs(now - covered_until) <= FRESH)


def make_beat(hold: str, sums: Sums) -> Beat:
    """The news for the watchdog; bad news if nothing starts, or the sums do not add up."""
    lines = []
    if hold:
        lines.append(f"nothing starts: {hold}")
    if not sums.adds_up:
        lines.append("the sums do not add up, which is a bug in jobfile; see `jobfile report`")
    lines += _sum_lines(sums)
    return Beat(is_well=not hold and sums.adds_up, words="\n".join(lines))


def _sum_lines(sums: Sums) -> list[str]:
    if sums.error:
        return [f"today's runs could not be counted: {sums.error}"]
    counted = [f"{count} {verdict}" for verdict, count in sums.verdicts.items() if count]
    return [f"today (UTC): {many(sums.expected, 'run')} expected", *counted]
