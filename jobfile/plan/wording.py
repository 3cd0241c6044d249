"""Formats the values, schedules and times of a plan."""

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from datetime import UTC, date, datetime, timedelta
from enum import Enum
from typing import Final
from zoneinfo import ZoneInfo

from jobfile.diagnostics.excerpt import visible
from jobfile.model.jobs import (
    AtEntry,
    BusinessDayEntry,
    CronEntry,
    DayRule,
    EveryEntry,
    JobSpec,
    ParamSpec,
    ScheduleEntry,
)
from jobfile.model.keys import key_of_field
from jobfile.model.labels import hosts_text
from jobfile.plan.values import Action, FieldChange, JobChange, Risk, Row, Start
from jobfile.schedule.duration import format_duration
from jobfile.schedule.occurrences import explain_fire, fire_at, load_zone, spread_delay

SYMBOLS: Final = {Action.CHANGE: "~", Action.RENAME: ">", Action.ADD: "+", Action.REMOVE: "-"}
NEAR: Final = timedelta(days=25)
"""A day nearer than this is shown without its month."""

_IMPLIED: Final = frozenset({(ParamSpec, "name"), (ParamSpec, "is_required")})
"""Fields that are not keys in a file: a param is below its name, and with a default it is not required."""


def times_text(ratio: float) -> str:
    """How many times: `3 times`, `2.5 times`."""
    return f"{ratio:,.0f} times" if ratio >= 10 or ratio == int(ratio) else f"{ratio:.1f} times"


def mark_of(row: Row) -> str:
    """The sign of a run in a list: `~` moved, `+` gained, `-` lost, none if it is the same."""
    if row.is_same:
        return " "
    return "+" if row.before is None else "-" if row.after is None else "~"


def notes_of(change: JobChange) -> tuple[str, ...]:
    """What a reviewer should not miss about a job, a line each: clock changes, new findings, risks."""
    effects = [f"JF608  {one}" for one in change.effects]
    findings = [f"{one.code}  {one.message}" for one in change.diagnostics]
    risks = [f"{one.code} {one.message}" for one in change.risks]
    return tuple(f"! {visible(one)}" for one in (*effects, *findings, *risks))


def risk_line(risk: Risk) -> str:
    """A risk in one line."""
    return f"! {risk.code} {visible(risk.message)}"


def clock_text(at: datetime) -> str:
    """A time of day in UTC: 02:00Z, with seconds unless they are 0."""
    return f"{at:%H:%M:%SZ}" if at.second else f"{at:%H:%MZ}"


def day_text(at: datetime, now: datetime) -> str:
    """A day: `Fri 06`, with month and year if it is far away."""
    return f"{at:%a %d}" if abs(at - now) < NEAR else f"{at:%a %d %b %Y}"


def moment_text(start: Start, now: datetime) -> str:
    """When a run starts: `Fri 06 02:00Z`."""
    return f"{day_text(start.starts, now)} {clock_text(start.starts)}"


def _entry_of(start: Start, job: JobSpec) -> ScheduleEntry | None:
    """The schedule entry of a run."""
    found = fire_at(job.schedule, start.at)
    return None if found is None else job.schedule[found.entry]


def zone_of(start: Start, job: JobSpec) -> ZoneInfo | None:
    """The zone of the schedule entry of a run."""
    entry = _entry_of(start, job)
    return load_zone(job.timezone if entry is None else entry.timezone)


def local_note(start: Start, job: JobSpec) -> tuple[str, str]:
    """The start in the zone of its entry, and a note if a clock change affects it."""
    entry = _entry_of(start, job)
    if entry is None:
        return "", ""
    note = explain_fire(entry, start.at)
    local = start.starts.astimezone(load_zone(entry.timezone))
    if local.utcoffset() == timedelta(0) and local.tzname() in ("UTC", None):
        return "", note
    day = "" if local.date() == start.starts.date() else f"{local:%a} "
    seconds = f"{local:%H:%M:%S}" if local.second else f"{local:%H:%M}"
    return f"{day}{seconds} {local.tzname()}", note


def entry_text(entry: ScheduleEntry, job: str = "") -> str:
    """A schedule entry as written, in one line; with `job`, also the offset within its spread."""
    match entry:
        case CronEntry():
            text = f'cron "{entry.cron}" {entry.timezone}'
            text += "" if entry.days is DayRule.CRON else f", days {entry.days.value}"
            calendar = entry.calendar
            text += (
                "" if calendar is None else f", calendar {calendar.name}, on_closed {entry.on_closed.value}"
            )
        case EveryEntry():
            text = f"every {format_duration(entry.every)}"
        case AtEntry():
            text = "at " + ", ".join(f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}" for at in entry.at[:4])
            text += f" and {len(entry.at) - 4} more" if len(entry.at) > 4 else ""
        case BusinessDayEntry():
            text = f"business_day {entry.business_day} at {entry.time} {entry.timezone}"
            text += f", calendar {entry.calendar.name}"
    if entry.from_day or entry.until_day:
        text += f", from {entry.from_day or 'ever'} until {entry.until_day or 'ever'}"
    if entry.spread:
        text += f", spread {format_duration(entry.spread)}"
        text += f" (offset {format_duration(spread_delay(entry.spread, job))})" if job else ""
    if entry.arguments:
        text += f", with {value_text(entry.arguments)}"
    return visible(text)


def value_text(value: object) -> str:
    """A value of the model in one line, in the words of the file."""
    if value is None:
        return "none"
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, timedelta):
        return format_duration(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, CronEntry | EveryEntry | AtEntry | BusinessDayEntry):
        return entry_text(value)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{visible(str(key))}: {value_text(one)}" for key, one in value.items()) + "}"
    if is_dataclass(value):
        return value_text(_said(value))
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "[" + ", ".join(map(value_text, value)) + "]"
    text = visible(str(value))
    return text if text.strip() == text != "" else f'"{text}"'


def _said(value: object) -> dict[str, object]:
    """The fields of a value that differ from the defaults."""
    assert is_dataclass(value)
    found = {}
    for one in fields(value):
        default = one.default if one.default_factory is MISSING else one.default_factory()
        part = getattr(value, one.name)
        if part != default and (type(value), one.name) not in _IMPLIED:
            found[key_of_field(one.name)] = part
    return found


def path_text(path: Sequence[str]) -> str:
    """A field's name: `retry.attempts`."""
    return visible(".".join(path))


def side_texts(change: FieldChange) -> tuple[str, str]:
    """The old and the new value of a field, in one line each."""
    if change.path == ("runs_on",):
        return _hosts(change.before), _hosts(change.after)
    return value_text(change.before), value_text(change.after)


def _hosts(labels: object) -> str:
    return hosts_text(labels if isinstance(labels, tuple) else ())


def hidden_text(change: FieldChange) -> str:
    """The text for a field that looks like a secret: its length, and whether it changed."""
    what = "changed" if change.before is not None and change.after is not None else "new"
    if change.after is None:
        return "(hidden, removed)"
    return f"(hidden, {len(value_text(change.after))} characters, {what})"
