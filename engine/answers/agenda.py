"""Answers of `next`; about all jobs, their next fires in one list, in order of time."""

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Final

from engine.answers.expected import pause_at
from engine.answers.presence import Presence
from engine.answers.upcoming import (
    Fires,
    Upcoming,
    distance_text,
    fire_to_json,
    fires_to_json,
    fires_to_text,
    obstacles_to_text,
    times_to_json,
    upcoming_of,
)
from engine.core.columns import table
from engine.core.records import Pause
from engine.core.vocabulary import instant_text
from jobfile.model.counts import many
from jobfile.model.jobs import ScheduleEntry
from jobfile.model.namedtuple import NamedTuple
from jobfile.schedule.occurrences import next_fire
from jobfile.schedule.zones import load_zone

HEADS = ("when", "UTC", "job", "notes")
PAUSED = "paused: it will not run"
MAX_STARTED: Final = 20
"""Maximum number of jobs that are listed with what else starts them."""


class Fire(NamedTuple):
    """A fire of a job; `is_paused` if a pause prevents its run."""

    job: str
    upcoming: Upcoming
    is_paused: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Agenda:
    """Fires of all jobs in order of time, after `since` and up to `until`."""

    since: datetime
    until: datetime | None
    fires: tuple[Fire, ...]
    is_all: bool
    """Whether there are no others in that time."""
    starts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """What starts jobs besides their schedules, in words."""


def agenda(
    schedules: Mapping[str, Sequence[ScheduleEntry]],
    *,
    since: datetime,
    until: datetime | None,
    limit: int,
    pauses: Sequence[Pause] = (),
    starts: Mapping[str, tuple[str, ...]] = MappingProxyType({}),
) -> Agenda:
    """The first fires of all schedules in (since, until], at most `limit`."""
    coming: list[tuple[datetime, str, int]] = []
    for job, entries in schedules.items():
        _push(coming, job, entries, since, until)
    of_job: dict[str, list[Pause]] = {}
    for pause in pauses:
        of_job.setdefault(pause.job, []).append(pause)
    found: list[Fire] = []
    while coming and len(found) < limit:
        at, job, entry = heapq.heappop(coming)
        is_paused = pause_at(of_job.get(job, ()), at) is not None
        found.append(Fire(job, upcoming_of(schedules[job][entry], at), is_paused))
        _push(coming, job, schedules[job], at, until)
    return Agenda(since=since, until=until, fires=tuple(found), is_all=not coming, starts=starts)


def _push(
    coming: list[tuple[datetime, str, int]],
    job: str,
    entries: Sequence[ScheduleEntry],
    after: datetime,
    until: datetime | None,
) -> None:
    """Add the first fire of a job after an instant, if it is in the time."""
    fire = next_fire(entries, after=after) if entries else None
    if fire is not None and (until is None or fire.at <= until):
        heapq.heappush(coming, (fire.at, job, fire.entry))


def agenda_to_text(found: Agenda, *, width: int | None) -> str:
    """The answer as text: one line for each fire, in the zone of its schedule and in UTC."""
    events = _started(found)
    if not found.fires:
        none = "nothing is scheduled" if found.until is None else "nothing is scheduled in that time"
        return "\n".join([none, *events])
    rows = [_cells(one, found.since if index == 0 else None) for index, one in enumerate(found.fires)]
    rest = [] if found.is_all else [f"the first {many(len(found.fires), 'fire')}: more with --limit"]
    return "\n".join([table(HEADS, rows, names=(2,), reason=3, width=width), *rest, *events])


def _started(found: Agenda) -> list[str]:
    """A line for each job that something besides its schedule starts."""
    lines = [f"{job} starts {'; '.join(words)}" for job, words in sorted(found.starts.items())]
    more = len(lines) - MAX_STARTED
    return lines if more <= 0 else [*lines[:MAX_STARTED], f"and {more} more: jobfile list"]


def agenda_to_json(found: Agenda, *, obstacle: str) -> dict[str, object]:
    """The answer as JSON data."""
    rows = [fire_to_json(one.upcoming, job=one.job, is_paused=one.is_paused) for one in found.fires]
    return times_to_json(
        rows,
        since=found.since,
        until=found.until,
        is_all=found.is_all,
        obstacle=obstacle,
        starts=found.starts,
    )


def _cells(one: Fire, now: datetime | None) -> tuple[str, ...]:
    """The line of a fire; with `now`, also how far away it is."""
    at, local = one.upcoming.at, one.upcoming.local
    distance = "" if now is None else f"in {distance_text(at.replace(microsecond=0) - now)}"
    notes = (distance, PAUSED if one.is_paused else "", one.upcoming.note)
    day, utc = f"{local:%a} ", f"{at:%H:%M:%SZ}" if at.second else f"{at:%H:%MZ}"
    return (day + instant_text(at, local.tzinfo or UTC), utc, one.job, "; ".join(filter(None, notes)))


class Next(NamedTuple):
    """The next fires, and what may keep their runs from starting."""

    fires: Fires | Agenda
    pauses: Sequence[Pause] = ()
    presence: Presence | None = None
    zones: Mapping[str, str] = {}
    """The zone of each job."""


def next_to_text(found: Next, *, width: int, row_width: int | None, now: datetime) -> str:
    """The answer as text: the fires, and below them why the runs may not start."""
    if not isinstance(found.fires, Agenda):
        below = [_obstacles(found.pauses, found.presence, zone, now) for zone in found.zones.values()]
        return "\n".join(filter(None, [fires_to_text(found.fires, width=width), *below]))
    below = [_obstacles((one,), None, found.zones[one.job], now) for one in found.pauses]
    below.append(_obstacles((), found.presence, "UTC", now))
    return "\n".join(filter(None, [agenda_to_text(found.fires, width=row_width), *below]))


def _obstacles(pauses: Sequence[Pause], presence: Presence | None, zone: str, now: datetime) -> str:
    """Why the next runs may not start, with times in this zone."""
    holding = [one for one in pauses if one.holds_at(now)]
    return obstacles_to_text(holding, presence, zone=load_zone(zone) or UTC)


def next_to_json(found: Next) -> dict[str, object]:
    """The answer as JSON data."""
    if isinstance(found.fires, Agenda):
        return agenda_to_json(found.fires, obstacle=obstacles_to_text((), found.presence, zone=UTC))
    if not found.zones:
        return fires_to_json(found.fires)
    (zone,) = found.zones.values()
    obstacle = obstacles_to_text((), found.presence, zone=load_zone(zone) or UTC)
    return fires_to_json(found.fires, pauses=found.pauses, obstacle=obstacle)
