"""Times as people type them: dates, local times, instants; read in the job's zone."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import click

from engine.ledger import View
from jobfile.canonical import spec_from_json
from jobfile.dates import YEARS
from jobfile.duration import parse_duration
from jobfile.occurrences import load_zone


def zone_of_job(view: View, job: str) -> ZoneInfo:
    """The zone in which a job's days are counted: that of its newest definition."""
    version = view.job_in_force(job)
    if version is None:
        versions = view.job_versions(job)
        version = versions[-1] if versions else None
    digest = version.digest if version else None
    if digest is None:
        run = view.newest_run(job, until=datetime.max.replace(tzinfo=UTC))
        digest = run.digest if run else None
    text = view.definition_text(digest) if digest else None
    zone = load_zone(spec_from_json(text).timezone) if text else None
    return zone or ZoneInfo("UTC")


def parse_day(text: str, *, today: date) -> date:
    """A day: YYYY-MM-DD, today or yesterday."""
    words = {"today": today, "yesterday": today - timedelta(days=1)}
    if text in words:
        return words[text]
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise click.UsageError(f"'{text}' is no day; write 2026-11-23, today or yesterday") from None


def parse_instant(text: str, zone: ZoneInfo, *, now: datetime) -> datetime:
    """An instant: ISO 8601, local to the zone unless it has an offset; HH:MM is today's."""
    candidate = text.replace("Z", "+00:00") if text.endswith("Z") else text
    if len(candidate) in (5, 8) and candidate[2] == ":":
        candidate = f"{now.astimezone(zone).date().isoformat()}T{candidate}"
    try:
        at = datetime.fromisoformat(candidate)
    except ValueError:
        raise click.UsageError(
            f"'{text}' is no time; write 2026-11-23T02:00, 02:00, or with an offset 2026-11-23T02:00Z"
        ) from None
    if at.year not in YEARS:
        raise click.UsageError(
            f"'{text}' is no time that jobfile knows; it knows the years {YEARS[0]} to {YEARS[-1]}"
        )
    return (at if at.tzinfo is not None else at.replace(tzinfo=zone)).astimezone(UTC)


def parse_since(text: str, zone: ZoneInfo, *, now: datetime) -> datetime:
    """The beginning of a window: an instant, a day, or a duration back from now (24h, 7d)."""
    back = parse_duration(text)
    if back is not None:
        return now - back
    if text in ("today", "yesterday") or (len(text) == 10 and text[4] == "-"):
        day = parse_day(text, today=now.astimezone(zone).date())
        return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)
    return parse_instant(text, zone, now=now)
