"""Compares a report with that of the period before: per job and in total; what got worse comes first."""

from datetime import datetime, timedelta
from enum import StrEnum
from math import floor
from typing import Final

from engine.answers.report import UNMEASURED, VERDICTS, Measures, Report, Row
from engine.core.vocabulary import seconds_text
from jobfile.model.namedtuple import NamedTuple

NOTABLE: Final = 1.5
"""A median that grew by this factor, and by NOTABLE_TIME, is worse; less is chance."""
NOTABLE_TIME: Final = timedelta(seconds=1)
NOTHING: Final = "–"
"""Where there is no number."""
NO_CHANGE: Final = "±0"
MEDIANS: Final = ("median duration", "median lateness")
_ORDER: Final = {"success rate": 0, "expected": 2}
"""The order in which numbers that changed are listed; 1 for all that need attention."""
_IMPLIED: Final = ("succeeded", "open")
"""Numbers that say nothing beside the others."""


class Trend(StrEnum):
    """The result for a job."""

    WORSE = "worse"
    OTHER = "other"
    SAME = "same"
    BETTER = "better"


class Side(NamedTuple):
    """The numbers of one of the two periods."""

    row: Row
    measures: Measures


class Change(NamedTuple):
    """A job, or all, in both periods."""

    job: str
    before: Side
    now: Side

    @property
    def trend(self) -> Trend:
        """Whether it got worse. The success rate decides, then how often it was late, then the medians."""
        for was, has in self._judged:
            if has > was:
                return Trend.WORSE
            if has < was:
                return Trend.BETTER
        slower = [_growth(was, has) for was, has in self.medians]
        if any(one > 0 for one in slower):
            return Trend.WORSE
        if any(one < 0 for one in slower):
            return Trend.BETTER
        return Trend.OTHER if changes_text(self) else Trend.SAME

    @property
    def loss(self) -> tuple[float, ...]:
        """By how much it got worse: the larger, the worse."""
        return tuple(has - was for was, has in self._judged)

    @property
    def medians(self) -> tuple[tuple[timedelta | None, timedelta | None], ...]:
        """The median duration and lateness, each before and now."""
        before, now = self.before.measures, self.now.measures
        return (before.duration, now.duration), (before.lateness, now.lateness)

    @property
    def _judged(self) -> tuple[tuple[float, float], ...]:
        """What must not grow, before and now, the most important first."""
        before, now = self.before, self.now
        was, has = before.row.success_rate, now.row.success_rate
        failed = (0.0, 0.0) if has is None else (0.0 if was is None else 1 - was, 1 - has)
        return failed, (before.measures.late, now.measures.late)


class Comparison(NamedTuple):
    """Two periods: [since, until) is the one before."""

    since: datetime
    until: datetime
    total: Change
    jobs: tuple[Change, ...]
    """What got worse comes first."""


def compare(report: Report, before: Report) -> Comparison:
    """Compare the jobs of both periods."""
    rows = {row.job: row for row in report.rows}
    earlier = {row.job: row for row in before.rows}
    changes = [_change(name, earlier.get(name), rows.get(name), report, before) for name in {*rows, *earlier}]
    order = list(Trend)
    changes.sort(key=lambda one: (order.index(one.trend), [-part for part in one.loss], one.job))
    total = _change("", before.total, report.total, report, before)
    return Comparison(before.since, before.until, total, tuple(changes))


def _change(name: str, was: Row | None, has: Row | None, report: Report, before: Report) -> Change:
    nothing = Row(job=name, scheduled=0, requested=0, verdicts={})
    return Change(
        name,
        Side(was or nothing, before.measures.get(name, UNMEASURED)),
        Side(has or nothing, report.measures.get(name, UNMEASURED)),
    )


def _growth(was: timedelta | None, has: timedelta | None) -> int:
    """1 for a median that grew notably, -1 for one that shrank so, else 0."""
    if was is None or has is None or abs(has - was) < NOTABLE_TIME:
        return 0
    if has > was * NOTABLE:
        return 1
    return -1 if was > has * NOTABLE else 0


class Line(NamedTuple):
    """One number of both periods, in words; `change` is their difference."""

    name: str
    before: str
    now: str
    change: str


def lines_of(change: Change) -> list[Line]:
    """All numbers that are not 0 in both periods, the success rate, and the medians."""
    before, now = (
        {"expected": side.row.expected, **_verdicts(side.row), "late": side.measures.late}
        for side in (change.before, change.now)
    )
    lines = [
        Line(name.replace("_", " "), f"{count:,}", f"{now[name]:,}", _signed(now[name] - count))
        for name, count in before.items()
        if count or now[name] or name == "expected"
    ]
    was, has = change.before.row.success_rate, change.now.row.success_rate
    lines.append(Line("success rate", rate_text(was), rate_text(has), _points(was, has)))
    for name, (earlier, later) in zip(MEDIANS, change.medians, strict=True):
        lines.append(Line(name, _length(earlier), _length(later), _longer(earlier, later)))
    return lines


def _verdicts(row: Row) -> dict[str, int]:
    return {verdict: row.verdicts.get(verdict, 0) for verdict in VERDICTS}


def changes_text(change: Change) -> str:
    """What changed of a job, in one line: `success rate 98.2% → 75.0%, failed 1 → 12`; empty if nothing did.

    A job does not take the same time twice, so medians are named only if they changed notably.
    """
    lines = {line.name: line for line in lines_of(change)}
    medians = [lines.pop(name) for name in MEDIANS]
    changed = [line for line in lines.values() if line.before != line.now and line.name not in _IMPLIED]
    changed.sort(key=lambda line: _ORDER.get(line.name, 1))
    notable = (_growth(was, has) for was, has in change.medians)
    changed += [line for line, is_notable in zip(medians, notable, strict=True) if is_notable]
    return ", ".join(f"{line.name} {line.before} → {line.now}" for line in changed)


def rate_text(rate: float | None) -> str:
    """A success rate in per cent, rounded down: only without any failure is it 100.0%."""
    return NOTHING if rate is None else f"{floor(rate * 1000) / 10:.1f}%"


def _points(was: float | None, has: float | None) -> str:
    if was is None or has is None:
        return NOTHING
    return f"{(has - was) * 100:+.1f} points" if has != was else NO_CHANGE


def _signed(number: int) -> str:
    return f"{number:+,}" if number else NO_CHANGE


def _length(length: timedelta | None) -> str:
    return NOTHING if length is None else seconds_text(length.total_seconds())


def _longer(was: timedelta | None, has: timedelta | None) -> str:
    if was is None or has is None:
        return NOTHING
    if was == has:
        return NO_CHANGE
    return f"{'+' if has > was else '-'}{seconds_text(abs(has - was).total_seconds())}"
