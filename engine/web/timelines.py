"""The picture of a timeline: a row for each job, in which each run is a bar with the part that it waited."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from engine.answers.overdue import NOT_WELL
from engine.answers.timeline import Bar, Row, Timeline, slot_length
from engine.core.vocabulary import instant_text, seconds_text, short
from engine.web.axes import Axis, Tick, percent
from engine.web.bands import look
from jobfile.model.namedtuple import NamedTuple

LANE: Final = 14
"""Height of a lane, in pixels."""
COUNTED: Final = 28
"""Height of a row with counts."""
LEAST: Final = 0.003
"""How wide a bar is at least, as a part of the width."""


WIDE: Final = 0.012
"""How wide a bar must be for a sign in it."""


class Part(NamedTuple):
    """A rectangle of a row."""

    x: str
    width: str
    y: str
    height: str
    look: str
    title: str


class Place(NamedTuple):
    """Where in its row a rectangle is, and what it says."""

    y: float
    height: float
    title: str
    least: float = LEAST


class Strip(NamedTuple):
    """A run in a row: the part that it waited, the part that it ran."""

    parts: tuple[Part, ...]
    title: str
    link: str
    is_bad: bool
    flag: str
    """Where its sign is, if it is bad: inside it, or after one that is too short for that."""
    x: str
    y: str


class Line(NamedTuple):
    """A row."""

    job: str
    height: int
    strips: tuple[Strip, ...]
    counts: tuple[Part, ...]
    words: str
    """What the row shows, for readers who do not see it."""


class TimelinePicture(NamedTuple):
    """A timeline, laid out."""

    lines: tuple[Line, ...]
    away: tuple[Part, ...]
    """When no engine was there; the same in each row."""
    ticks: tuple[Tick, ...]
    now: str


def picture_of(found: Timeline, axis: Axis) -> TimelinePicture:
    """Lay a timeline out."""
    away = tuple(
        _part(
            axis,
            one.since,
            one.until,
            Place(0, 0, f"no engine from {_span(axis, one.since, one.until)}"),
            "away",
        )
        for one in found.absences
    )
    return TimelinePicture(
        lines=tuple(_line(row, axis) for row in found.rows),
        away=away,
        ticks=tuple(axis.ticks()),
        now=axis.x(found.now) if axis.since <= found.now < axis.until else "",
    )


def _line(row: Row, axis: Axis) -> Line:
    if row.counts:
        total: dict[str, int] = {}
        for slot in row.counts.values():
            for state, number in slot.items():
                total[state] = total.get(state, 0) + number
        return Line(row.job, COUNTED, (), tuple(_counts(row, axis)), _words(total))
    strips = tuple(_strip(bar, axis) for bar in row.bars)
    states: dict[str, int] = {}
    for bar in row.bars:
        states[bar.state] = states.get(bar.state, 0) + 1
    return Line(row.job, LANE * row.lanes, strips, (), _words(states))


def _words(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{number:,} {state}" for state, number in sorted(counts.items()))


def _counts(row: Row, axis: Axis) -> list[Part]:
    most = max(sum(slot.values()) for slot in row.counts.values())
    length = slot_length(axis.since, axis.until)
    parts = []
    for index, slot in sorted(row.counts.items()):
        begin = axis.since + index * length
        title = f"{instant_text(begin, axis.zone)}: {_words(slot)}"
        y = float(COUNTED)
        for state in sorted(slot, key=lambda state: (state in NOT_WELL, state)):
            height = max(1.0, (COUNTED - 2) * slot[state] / most)
            y -= height
            parts.append(_part(axis, begin, begin + length, Place(max(0.0, y), height, title), look(state)))
    return parts


def _strip(bar: Bar, axis: Axis) -> Strip:
    title = _title(bar, axis)
    place = Place(bar.lane * LANE + 2, LANE - 4, title)
    parts = []
    if bar.started is None:
        kind = look(bar.state) if bar.run is None or bar.end == bar.begin else "wait"
        parts.append(_part(axis, bar.begin, bar.end, place, kind))
    else:
        if bar.started > bar.begin and bar.started > axis.since:
            parts.append(_part(axis, bar.begin, bar.started, place._replace(least=0.0), "wait"))
        parts.append(_part(axis, bar.started, bar.end, place, look(bar.state)))
    begin = bar.started or bar.begin
    is_wide = axis.part(bar.end) - axis.part(begin) > WIDE
    x = axis.x(begin) if is_wide else percent(max(axis.part(bar.end), axis.part(begin) + LEAST))
    link = f"/runs/{bar.run.id}" if bar.run is not None else ""
    flag = "inside" if is_wide else "after"
    return Strip(tuple(parts), title, link, bar.state in NOT_WELL, flag, x, str(bar.lane * LANE + LANE - 3))


def _title(bar: Bar, axis: Axis) -> str:
    """What a bar says: the run, its state, how long it waited and ran."""
    run = f"run {short(bar.run.id)}, " if bar.run is not None else ""
    words = [f"{run}{bar.state}", f"for {instant_text(_wanted(bar), axis.zone)}"]
    began = bar.started or bar.end
    if bar.run is not None and began > bar.begin:
        words.append(f"waited {_length(bar.begin, began)}")
    if bar.started is not None:
        words.append(f"ran {_length(bar.started, bar.end)}")
    if bar.words:
        words.append(bar.words)
    return ", ".join(words)


def _wanted(bar: Bar) -> datetime:
    return bar.run.scheduled_for if bar.run is not None else bar.begin


def _length(since: datetime, until: datetime) -> str:
    return seconds_text((until - since).total_seconds())


def _span(axis: Axis, since: datetime, until: datetime) -> str:
    return f"{instant_text(since, axis.zone)} to {instant_text(until, axis.zone)}"


def _part(axis: Axis, since: datetime, until: datetime, place: Place, look: str) -> Part:
    """A rectangle over a time."""
    begin, end = axis.part(since), axis.part(until)
    width = max(end - begin, place.least)
    return Part(
        percent(min(begin, 1.0 - width)),
        percent(width),
        f"{place.y:g}",
        f"{place.height:g}",
        look,
        place.title,
    )
