"""The picture of a day: a column for each part of it, with a mark for each occurrence, or counts."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlencode

from engine.answers.band import COMING, Band, Placed
from engine.answers.overdue import NOT_WELL
from engine.core.vocabulary import instant_text
from engine.web.axes import HOUR, Axis, Tick, percent
from jobfile.model.namedtuple import NamedTuple
from jobfile.render.style import WORDS, Tone

SLOT: Final = timedelta(minutes=15)
HEIGHT: Final = 78
"""Height of the part with the marks, in pixels; the signs are above it, the hours below."""
TOP: Final = 16
MOST_IN_COLUMN: Final = 13
"""If one column has more occurrences than this, all columns show counts."""
MAX_MARK: Final = 13.0
"""How high a mark is at most."""
_BOTTOM_UP: Final = (Tone.GOOD, Tone.FAINT, Tone.ACTIVE, Tone.DOUBTFUL, Tone.BAD)
_CLASSES: Final[Mapping[Tone, str]] = {
    Tone.GOOD: "good",
    Tone.FAINT: "faint",
    Tone.ACTIVE: "active",
    Tone.DOUBTFUL: "doubtful",
    Tone.BAD: "bad",
}


class Block(NamedTuple):
    """A rectangle of a column: one occurrence, or several with the same verdict."""

    y: str
    height: str
    look: str
    title: str
    link: str = ""


class Column(NamedTuple):
    """A part of the day."""

    x: str
    width: str
    middle: str
    blocks: tuple[Block, ...]
    is_bad: bool


class Hour(NamedTuple):
    """An hour, which leads to its timeline."""

    x: str
    width: str
    words: str
    link: str


class BandPicture(NamedTuple):
    """A band, laid out."""

    columns: tuple[Column, ...]
    hours: tuple[Hour, ...]
    ticks: tuple[Tick, ...]
    now: str
    """Where the present is; empty if that is on another day."""
    words: str
    """What the picture shows, for readers who do not see it."""
    is_counted: bool
    most: int
    """The largest number in a column, where counts are shown."""
    looks: tuple[tuple[str, str], ...]
    """The words in it, each with its class: the legend."""


def picture_of(band: Band, axis: Axis) -> BandPicture:
    """Lay a band out."""
    stretch = band.stretch
    by_slot: defaultdict[int, list[Placed]] = defaultdict(list)
    for one in band.placed:
        by_slot[stretch.slot_of(one.at)].append(one)
    highest = max(map(len, by_slot.values()), default=0)
    is_placed = 0 < highest <= MOST_IN_COLUMN
    most = max((sum(slot.values()) for slot in band.slots), default=0)
    columns = []
    for index, slot in enumerate(band.slots):
        if not slot:
            continue
        blocks = (
            _placed(by_slot[index], axis, min(MAX_MARK, HEIGHT / highest))
            if is_placed
            else _counted(slot, most)
        )
        begin, end = stretch.since + index * stretch.length, stretch.since + (index + 1) * stretch.length
        x, width = axis.part(begin), axis.part(end) - axis.part(begin)
        is_bad = any(slot.get(state) for state in NOT_WELL)
        columns.append(
            Column(percent(x + width / 10), percent(width * 0.8), percent(x + width / 2), blocks, is_bad)
        )
    is_inside = stretch.since <= stretch.now < stretch.until
    return BandPicture(
        columns=tuple(columns),
        hours=tuple(_hours(band, axis)),
        ticks=tuple(axis.ticks()),
        now=axis.x(stretch.now) if is_inside else "",
        words=f"What was expected in each part of the day: {_words(band.total)}",
        is_counted=not is_placed and bool(columns),
        most=most,
        looks=tuple((state, look(state)) for state in sorted(band.total, key=_place)),
    )


def look(state: str) -> str:
    """The class of a verdict in a picture."""
    return "coming" if state == COMING else _CLASSES.get(WORDS.get(state, Tone.FAINT), "faint")


def _place(state: str) -> tuple[int, str]:
    """The place in a column, from the bottom: what is to come, what is good, ... what is bad."""
    if state == COMING:
        return -1, state
    return _BOTTOM_UP.index(WORDS.get(state, Tone.FAINT)), state


def _placed(found: Sequence[Placed], axis: Axis, height: float) -> tuple[Block, ...]:
    blocks = []
    for index, one in enumerate(sorted(found, key=lambda one: (*_place(one.state), one.at, one.job))):
        title = f"{one.job}, {instant_text(one.at, axis.zone)}: {one.state}"
        link = f"/runs/{one.run.id}" if one.run is not None and one.state in NOT_WELL else ""
        y = TOP + HEIGHT - (index + 1) * height
        blocks.append(Block(f"{y:.1f}", f"{height - 1:.1f}", look(one.state), title, link))
    return tuple(blocks)


def _counted(slot: Mapping[str, int], most: int) -> tuple[Block, ...]:
    blocks, y = [], float(TOP + HEIGHT)
    for state in sorted(slot, key=_place):
        height = max(1.5, HEIGHT * slot[state] / most)
        y -= height
        blocks.append(Block(f"{max(0.0, y):.1f}", f"{height:.1f}", look(state), f"{slot[state]:,} {state}"))
    return tuple(blocks)


def _hours(band: Band, axis: Axis) -> list[Hour]:
    found, at = [], axis.since
    while at < axis.until:
        end = min(at + HOUR, axis.until)
        total: Counter[str] = Counter()
        for index in range(band.stretch.slot_of(at), min(len(band.slots), band.stretch.slot_of(end))):
            total.update(band.slots[index])
        if total:
            words = f"{instant_text(at, axis.zone)}: {_words(total)}"
            found.append(Hour(axis.x(at), axis.width(at, end), words, timeline_link(at, end, axis)))
        at = end
    return found


def timeline_link(since: datetime, until: datetime, axis: Axis) -> str:
    """The address of the timeline of a time."""
    query = {"from": _utc(since), "to": _utc(until), "zone": axis.zone.key}
    return f"/timeline?{urlencode(query)}"


def _utc(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"


def _words(total: Mapping[str, int]) -> str:
    words = (f"{total[state]:,} {state}" for state in sorted(total, key=_place, reverse=True) if total[state])
    return ", ".join(words) or "nothing"
