"""Answers of `next` and `explain-schedule`: the next fires,
the meaning in words, effects of clock changes.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, tzinfo

from engine.answers.as_json import iso
from engine.answers.expected import pause_at
from engine.answers.presence import Presence
from engine.core.columns import cut
from engine.core.records import Pause
from engine.core.vocabulary import instant_text, seconds_text
from jobfile.diagnostics.escapes import printable
from jobfile.model.dataclass import dataclass
from jobfile.model.jobs import AtEntry, BusinessDayEntry, CronEntry, DayRule, EveryEntry, ScheduleEntry
from jobfile.schedule.cron import CronExpression, parse_cron
from jobfile.schedule.duration import format_duration
from jobfile.schedule.in_words import describe
from jobfile.schedule.local_times import local_times
from jobfile.schedule.occurrences import (
    ClockEffect,
    clock_effects,
    explain_fire,
    load_zone,
    next_fire,
    spread_delay,
)

YEAR_DAYS = 366
MAX_SHOWN = 6
"""Maximum number of days with a skipped time, or with a repeated one, that one line names."""

_FAR = timedelta(days=30)
"""From this distance on, hours are left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Upcoming:
    """An instant at which a schedule fires, as the clocks of its zone show it."""

    at: datetime
    local: datetime
    note: str
    """How a clock change affects it; empty when it does not."""

    @property
    def zone(self) -> str:
        """The abbreviation of the zone then."""
        return self.local.tzname() or ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fires:
    """The next fires of one schedule; `name` is a job where `is_job`, else an expression."""

    name: str
    is_job: bool
    entries: tuple[ScheduleEntry, ...]
    now: datetime
    fires: tuple[Upcoming, ...]
    is_all: bool
    """Whether there are no others after these, up to `until`."""
    until: datetime | None = None
    starts: tuple[str, ...] = ()
    """What starts the job besides its schedule, in words."""


def next_fires(
    name: str,
    entries: Sequence[ScheduleEntry],
    limit: int,
    *,
    now: datetime,
    is_job: bool,
    until: datetime | None = None,
    starts: tuple[str, ...] = (),
) -> Fires:
    """The next fires of a union of entries, at most `limit`, up to `until`."""
    found: list[Upcoming] = []
    last = now
    while len(found) < limit:
        fire = next_fire(entries, after=last) if entries else None
        if fire is None or (until is not None and fire.at > until):
            break
        found.append(upcoming_of(entries[fire.entry], fire.at))
        last = fire.at
    return Fires(
        name=name,
        is_job=is_job,
        entries=tuple(entries),
        now=now,
        fires=tuple(found),
        is_all=len(found) < limit,
        until=until,
        starts=starts,
    )


def upcoming_of(entry: ScheduleEntry, at: datetime) -> Upcoming:
    """A fire of an entry, with its local time."""
    return Upcoming(at=at, local=at.astimezone(load_zone(entry.timezone)), note=explain_fire(entry, at))


def fires_to_text(found: Fires, *, width: int) -> str:
    """One schedule as text: its meaning, a line for each fire, and the changes of clocks."""
    lines = [*_lines(found), *_ending(found)]
    if found.fires:
        lines.append(cut(_effects_line(found), width))
    return "\n".join(lines)


def fires_to_json(found: Fires, *, pauses: Sequence[Pause] = (), obstacle: str = "") -> dict[str, object]:
    """One schedule as JSON data."""
    job = found.name if found.is_job else None
    rows = [fire_to_json(one, job=job, is_paused=pause_at(pauses, one.at) is not None) for one in found.fires]
    starts = {found.name: found.starts} if found.starts else {}
    return times_to_json(
        rows, since=found.now, until=found.until, is_all=found.is_all, obstacle=obstacle, starts=starts
    )


def fire_to_json(one: Upcoming, *, job: str | None, is_paused: bool) -> dict[str, object]:
    """A fire as JSON data."""
    return {"job": job, **_row(one), "paused": is_paused}


def times_to_json(
    fires: Sequence[Mapping[str, object]],
    *,
    since: datetime,
    until: datetime | None,
    is_all: bool,
    obstacle: str,
    starts: Mapping[str, Sequence[str]],
) -> dict[str, object]:
    """Fires as JSON data, of one schedule or of all; `obstacle` is why nothing starts now, `starts` says
    what starts jobs besides their schedules.
    """
    return {
        "format": 1,
        "now": since.isoformat(),
        "until": iso(until),
        "obstacle": obstacle or None,
        "fires": list(fires),
        "is_all": is_all,
        "starts": {job: list(words) for job, words in starts.items()},
    }


def explained_to_text(found: Fires, *, asks_days: bool, width: int) -> str:
    """What an expression means, as text; with `asks_days`, also that its
    two day fields can be combined in two ways.
    """
    lines = [*_lines(found), *_ending(found, is_always=True)]
    lines.append(cut(_effects_line(found), width))
    if asks_days and any(map(_has_two_day_fields, found.entries)):
        lines.append(
            "Both day fields are restricted: cron fires on either. In a job file say which is meant, with\n"
            "  days: either   or, for days that match both,   days: both"
        )
    return "\n".join(lines)


def explained_to_json(found: Fires) -> dict[str, object]:
    """What an expression means, as JSON data."""
    (entry,) = found.entries
    return {
        "format": 1,
        "now": found.now.isoformat(),
        "words": describe(entry),
        "kind": _kind(entry),
        "fires": [_row(one) for one in found.fires],
        "effects": [
            {"date": one.date.isoformat(), "kind": "gap" if one.is_gap else "fold", "times": one.times}
            for one in _effects(found)
        ],
    }


def obstacles_to_text(pauses: Sequence[Pause], presence: Presence | None, *, zone: tzinfo) -> str:
    """Why the next runs may not start: the job is paused, or nothing starts runs now. Without a presence,
    nothing is known about an engine.
    """
    lines = []
    for pause in pauses:
        until = f" until {instant_text(pause.until, zone)}" if pause.until else ""
        why = f": {pause.reason}" if pause.reason else ""
        lines.append(f"{pause.job} is paused by {pause.actor}{until}{why}")
    if presence is not None and (presence.since is not None or presence.trouble):
        lines.append(f"nothing starts now: {presence.obstacle(zone)}")
    return "\n".join(map(printable, lines))


def _row(one: Upcoming) -> dict[str, str | None]:
    return {
        "utc": one.at.isoformat(),
        "local": one.local.isoformat(),
        "zone": one.zone,
        "note": one.note or None,
    }


def _lines(found: Fires) -> list[str]:
    """One line of words, one for each fire, and how much later the runs start."""
    words = [describe(entry) for entry in found.entries]
    if not words:
        words = [f"no schedule: {found.starts[0] if found.starts else 'started by hand'}", *found.starts[1:]]
    elif found.starts:
        words += found.starts
    lines = ["; ".join(words)]
    for spread in dict.fromkeys(entry.spread for entry in found.entries if entry.spread and found.is_job):
        delay = format_duration(spread_delay(spread, found.name))
        place = f"the delay of {found.name} within its spread of {format_duration(spread)}"
        lines.append(f"  runs start {delay} later: {place}")
    for index, one in enumerate(found.fires):
        at, local = one.at.replace(microsecond=0), one.local
        distance = f"   in {distance_text(at - found.now)}" if index == 0 else ""
        seconds = f"{local:%H:%M:%S}" if local.second else f"{local:%H:%M}"
        utc = f"{at:%H:%M:%SZ}" if at.second else f"{at:%H:%MZ}"
        note = f"   {one.note}" if one.note else ""
        lines.append(f"  {local:%a %Y-%m-%d} {seconds} {one.zone:<5} {utc}{distance}{note}")
    return lines


def _ending(found: Fires, *, is_always: bool = False) -> list[str]:
    if not found.is_all or not (found.entries or is_always):
        return []
    until = "" if found.until is None else " in that time"
    return [f"  none after that{until}" if found.fires else f"  none{until or ' from now on'}"]


def _effects(found: Fires) -> tuple[ClockEffect, ...]:
    """The effects of clock changes on a schedule in the coming year, each once."""
    effects = {
        (one.date, one.is_gap, one.times): one
        for entry in found.entries
        for one in clock_effects(entry, after=found.now, days=YEAR_DAYS)
    }
    return tuple(effects[key] for key in sorted(effects))


def _effects_line(found: Fires) -> str:
    """The days of the coming year on which times of a schedule do not exist or occur twice, in one line."""
    effects = _effects(found)
    skipped = _days([one for one in effects if one.is_gap], "time skipped")
    repeated = _days([one for one in effects if not one.is_gap], "time occurs twice")
    named = "; ".join(one for one in (skipped, repeated) if one)
    return f"affected by clock changes in {YEAR_DAYS} days: {named or 'none'}"


def _days(effects: Sequence[ClockEffect], what: str) -> str:
    """The days with one kind of effect; empty if there are none."""
    days = list(dict.fromkeys(one.date.isoformat() for one in effects))
    if not days:
        return ""
    more = f" and {len(days) - MAX_SHOWN} more" if len(days) > MAX_SHOWN else ""
    return f"{', '.join(days[:MAX_SHOWN])}{more} ({what})"


def _kind(entry: ScheduleEntry) -> str:
    """How an entry follows the clock: fixed, wildcard, elapsed or instants."""
    match entry:
        case CronEntry() | BusinessDayEntry():
            return "fixed" if local_times(entry).is_fixed else "wildcard"
        case EveryEntry():
            return "elapsed"
        case AtEntry():
            return "instants"


def distance_text(length: timedelta) -> str:
    """The time until a fire as text; in days if it is long."""
    return f"{length.days:,}d" if length >= _FAR else seconds_text(length.total_seconds())


def _has_two_day_fields(entry: ScheduleEntry) -> bool:
    if not isinstance(entry, CronEntry):
        return False
    parsed = parse_cron(entry.cron, days=DayRule.CRON)
    return isinstance(parsed, CronExpression) and parsed.restricts_both_days
