"""Lengths of time of runs as points over time: where each one is in the picture, in percent and pixels."""

from collections.abc import Iterator
from datetime import datetime, timedelta, tzinfo
from typing import Final

from engine.answers.courses import Course, Point
from engine.core.vocabulary import instant_text, seconds_text
from jobfile.model.dataclass import dataclass
from jobfile.model.namedtuple import NamedTuple

HEIGHT: Final = 120
TOP: Final = 10
"""The y of the longest length; the shortest possible one is at HEIGHT."""
LEFT: Final = 1.0
"""The x of the oldest run, in percent."""
RIGHT: Final = 99.0
"""The x of the newest run, in percent."""


class Dot(NamedTuple):
    """A run in the picture."""

    x: str
    y: str
    run: str
    state: str
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """A picture. The median is a line, with its y; empty without a median."""

    name: str
    dots: tuple[Dot, ...]
    median: str
    median_y: str
    longest: str
    first: datetime
    last: datetime
    words: str
    """What the picture shows, in a sentence."""


def plot(name: str, course: Course, zone: tzinfo) -> Plot | None:
    """The picture of some lengths; None without any."""
    if not course.points:
        return None
    median = "" if course.median is None else seconds_text(course.median.total_seconds())
    first, last = course.points[0].at, course.points[-1].at
    longest = seconds_text(course.longest.total_seconds())
    many = f"{len(course.points)} runs" if len(course.points) > 1 else "1 run"
    about = f", median {median} of {course.count}" if median else ""
    return Plot(
        name=name,
        dots=tuple(_dots(course, zone)),
        median=median,
        median_y="" if course.median is None else _y(course.median, course.longest),
        longest=longest,
        first=first,
        last=last,
        words=f"{name} of {many}{about}, longest {longest}",
    )


def _dots(course: Course, zone: tzinfo) -> Iterator[Dot]:
    first, last = course.points[0].at, course.points[-1].at
    for one in course.points:
        yield Dot(
            x=_x(one.at, first, last),
            y=_y(one.length, course.longest),
            run=one.run.id,
            state=one.run.verdict.value,
            title=_title(one, zone),
        )


def _title(one: Point, zone: tzinfo) -> str:
    length = seconds_text(one.length.total_seconds())
    return f"{instant_text(one.at, zone)}: {length}, {one.run.verdict.value}"


def _x(at: datetime, first: datetime, last: datetime) -> str:
    part = (at - first) / (last - first) if last > first else 0.5
    return f"{LEFT + part * (RIGHT - LEFT):.2f}%"


def _y(length: timedelta, longest: timedelta) -> str:
    part = length / longest if longest else 0.0
    return f"{HEIGHT - part * (HEIGHT - TOP):.1f}"
