"""Fires of schedules as people and programs read them: shared by the commands that show when things run."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import click

from engine.core.errors import JobfileError
from engine.core.vocabulary import seconds_text
from jobfile.diagnostics.escapes import printable
from jobfile.model.jobs import AtEntry, BusinessDayEntry, CronEntry, DayRule, EveryEntry, ScheduleEntry
from jobfile.schedule.cron import CronProblem, parse_cron
from jobfile.schedule.duration import parse_duration
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
"""Days with a gap or a fold that one line names."""

_DAY = 86_400


def zone_named(name: str | None) -> ZoneInfo:
    """The zone with this name; UTC when there is none."""
    zone = load_zone(name or "UTC")
    if zone is None:
        raise click.UsageError(f"unknown time zone '{name}'; use a name such as Europe/Oslo or UTC")
    return zone


def entry_of(text: str, zone: str, days: DayRule = DayRule.CRON) -> ScheduleEntry:
    """The entry that an expression or a period means; a mistake is told with its place."""
    period = parse_duration(text)
    if period:
        return EveryEntry(every=period, timezone=zone)
    parsed = parse_cron(text, days=days)
    if isinstance(parsed, CronProblem):
        marks = " " * parsed.start + "^" * max(1, parsed.end - parsed.start)
        hints = "".join(f"\n  help: {hint}" for hint in parsed.help)
        label = f" {parsed.label}" if parsed.label else ""
        raise JobfileError(
            f"[{parsed.code}] {parsed.message}\n\n  {printable(text)}\n  {marks}{label}\n{hints}"
        )
    return CronEntry(cron=text, timezone=zone, days=days)


def print_fires(
    name: str,
    entries: Sequence[ScheduleEntry],
    rows: Sequence[dict[str, str]],
    *,
    now: datetime,
    has_head: bool,
    job: str | None = None,
) -> None:
    """One line of words, one for each fire, and how much later the runs start."""
    words = "; ".join(describe(entry) for entry in entries) or "no schedule: started by a person"
    click.echo(f"{name}: {words}" if has_head else words)
    if job is not None:
        for spread in dict.fromkeys(entry.spread for entry in entries if entry.spread):
            delay = spread_delay(spread, job)
            click.echo(
                f"  runs start {_length(delay)} later: the place of {job} in its spread of {_length(spread)}"
            )
    for index, row in enumerate(rows):
        at = datetime.fromisoformat(row["utc"])
        local = datetime.fromisoformat(row["local"])
        distance = f"   in {distance_text(at - now)}" if index == 0 else ""
        seconds = f"{local:%H:%M:%S}" if local.second else f"{local:%H:%M}"
        utc = f"{at:%H:%M:%SZ}" if at.second else f"{at:%H:%MZ}"
        note = f"   {row['note']}" if row["note"] else ""
        click.echo(f"  {local:%a %Y-%m-%d} {seconds} {row['zone']:<5} {utc}{distance}{note}")


def fires_of(entries: Sequence[ScheduleEntry], count: int, *, now: datetime) -> list[dict[str, str]]:
    """The next fires of a union, as plain data."""
    rows: list[dict[str, str]] = []
    after = now
    while len(rows) < count:
        fire = next_fire(entries, after=after) if entries else None
        if fire is None:
            break
        entry = entries[fire.entry]
        zone = load_zone(entry.timezone)
        local = fire.at.astimezone(zone)
        note = explain_fire(entry, fire.at)
        rows.append(
            {
                "utc": fire.at.strftime("%Y-%m-%dT%H:%M:%SZ"),
                "local": local.isoformat(),
                "zone": local.tzname() or "",
                "note": note,
            }
        )
        after = fire.at
    return rows


def effects_of(entries: Sequence[ScheduleEntry], *, now: datetime) -> tuple[ClockEffect, ...]:
    """What changes of clocks do to a union in the year to come; what several entries share, once."""
    found = {
        (one.date, one.is_gap, one.times): one
        for entry in entries
        for one in clock_effects(entry, after=now, days=YEAR_DAYS)
    }
    return tuple(found[key] for key in sorted(found))


def effects_line(entries: Sequence[ScheduleEntry], *, now: datetime) -> str:
    """The days of the year to come on which times of a union are missing or doubled, in one line."""
    effects = effects_of(entries, now=now)
    gaps = _days([one for one in effects if one.is_gap], "gap")
    folds = _days([one for one in effects if not one.is_gap], "fold")
    return (
        f"gaps and folds in {YEAR_DAYS} days: {gaps}, {folds}"
        if effects
        else (f"gaps and folds in {YEAR_DAYS} days: none")
    )


def _days(effects: Sequence[ClockEffect], what: str) -> str:
    days = list(dict.fromkeys(one.date.isoformat() for one in effects))
    if not days:
        return f"none in a {what}"
    more = f" and {len(days) - MAX_SHOWN} more" if len(days) > MAX_SHOWN else ""
    return f"{', '.join(days[:MAX_SHOWN])}{more} ({what})"


def kind_of(entry: ScheduleEntry) -> str:
    """How an entry follows the clock: fixed, wildcard, elapsed or instants."""
    match entry:
        case CronEntry() | BusinessDayEntry():
            return "fixed" if local_times(entry).is_fixed else "wildcard"
        case EveryEntry():
            return "elapsed"
        case AtEntry():
            return "instants"


def distance_text(length: timedelta) -> str:
    """How far away a fire is: in days and hours where it is far."""
    seconds = length.total_seconds()
    if seconds < 2 * _DAY:
        return seconds_text(seconds)
    days, rest = divmod(round(seconds / 3600), 24)
    return f"{days:,}d {rest}h" if days < 30 else f"{days:,}d"


def _length(length: timedelta) -> str:
    hours, rest = divmod(int(length.total_seconds()), 3600)
    parts = [(hours, "h"), (rest // 60, "m"), (rest % 60, "s")]
    return "".join(f"{number}{unit}" for number, unit in parts if number) or "0s"
