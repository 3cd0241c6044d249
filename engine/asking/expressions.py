"""Parses schedules on the command line: an expression or a period, and a zone."""

from zoneinfo import ZoneInfo

from engine.core.errors import ErrorCode, JobfileError, WrongUsageError
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

    def __init__(self, mistake: Diagnostic, source: Source) -> None:
        """The error, with the place of the mistake in the text."""
        super().__init__(f"[{mistake.code}] {mistake.message}", advice="; ".join(mistake.help))
        self.mistake, self.source = mistake, source


def zone_named(name: str | None) -> ZoneInfo:
    """The zone with this name; UTC when there is none."""
    zone = load_zone(name or "UTC")
    if zone is None:
        raise WrongUsageError(f"unknown time zone '{name}'; use a name such as Europe/Oslo or UTC")
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
        raise NotAScheduleError(mistake, source)
    return CronEntry(cron=text, timezone=zone, days=days)
