"""Parses schedules on the command line: an expression or a period, and a zone."""

from zoneinfo import ZoneInfo

import click

from engine.core.errors import ErrorCode, JobfileError
from jobfile.diagnostics.escapes import printable
from jobfile.model.jobs import CronEntry, DayRule, EveryEntry, ScheduleEntry
from jobfile.schedule.cron import CronProblem, parse_cron
from jobfile.schedule.duration import parse_duration
from jobfile.schedule.zones import load_zone


class NotAScheduleError(JobfileError):
    """A text is neither a cron expression nor a period."""

    code = ErrorCode.USAGE


def zone_named(name: str | None) -> ZoneInfo:
    """The zone with this name; UTC when there is none."""
    zone = load_zone(name or "UTC")
    if zone is None:
        raise click.UsageError(f"unknown time zone '{name}'; use a name such as Europe/Oslo or UTC")
    return zone


def entry_of(text: str, zone: str, days: DayRule = DayRule.CRON) -> ScheduleEntry:
    """The entry that an expression or a period means; an error shows the place of the mistake."""
    period = parse_duration(text)
    if period:
        return EveryEntry(every=period, timezone=zone)
    parsed = parse_cron(text, days=days)
    if isinstance(parsed, CronProblem):
        marks = " " * parsed.start + "^" * max(1, parsed.end - parsed.start)
        hints = "".join(f"\n  help: {hint}" for hint in parsed.help)
        label = f" {parsed.label}" if parsed.label else ""
        raise NotAScheduleError(
            f"[{parsed.code}] {parsed.message}\n\n  {printable(text)}\n  {marks}{label}\n{hints}"
        )
    return CronEntry(cron=text, timezone=zone, days=days)
