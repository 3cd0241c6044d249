"""Parses schedules on the command line: an expression or a period, and a zone."""

from zoneinfo import ZoneInfo

import click

from engine.cli.findings import print_mistake
from engine.core.errors import ErrorCode, JobfileError
from jobfile.diagnostics.diagnostic import Diagnostic
from jobfile.diagnostics.source import Source
from jobfile.model.jobs import CronEntry, DayRule, EveryEntry, ScheduleEntry
from jobfile.schedule.cron import CronProblem, parse_cron
from jobfile.schedule.duration import parse_duration
from jobfile.schedule.zones import load_zone

_NAME = "expression"
"""What messages call the expression, where they otherwise name a file."""


class NotAScheduleError(JobfileError):
    """A text is neither a cron expression nor a period."""

    code = ErrorCode.USAGE
    is_reported = True


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
        source = Source(_NAME, text)
        mistake = Diagnostic(
            code=parsed.code,
            message=parsed.message,
            file=_NAME,
            span=source.span(parsed.start, parsed.end),
            label=parsed.label,
            help=parsed.help,
        )
        print_mistake(mistake, source)
        raise NotAScheduleError(f"[{parsed.code}] {parsed.message}", advice="; ".join(parsed.help))
    return CronEntry(cron=text, timezone=zone, days=days)
