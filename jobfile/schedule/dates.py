"""Parses dates, times of day and date-times in strict forms, the same everywhere."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from jobfile.model.regex import regex
from jobfile.schedule.zones import load_zone

DATE_FORM: Final = "YYYY-MM-DD"
TIME_FORM: Final = "HH:MM"
MOMENT_FORM: Final = "YYYY-MM-DDTHH:MM, with optional seconds and Z or an offset"

_DATE: Final = regex(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TIME: Final = regex(r"([01][0-9]|2[0-3]):([0-5][0-9])")
_MOMENT: Final = regex(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T(?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9])?(Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])?"
)
YEARS: Final = range(1970, 2400)
"""A date outside these years is a mistake, and arithmetic with it could leave the calendar."""


def parse_date(text: str) -> date | None:
    """A date as YYYY-MM-DD, in a plausible year; None for anything else."""
    if not _DATE.fullmatch(text):
        return None
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return None
    return found if found.year in YEARS else None


def parse_time(text: str) -> time | None:
    """A time of day as HH:MM from 00:00 to 23:59; None for anything else."""
    found = _TIME.fullmatch(text)
    return time(int(found[1]), int(found[2])) if found else None


def parse_hours(text: str) -> tuple[str, str] | None:
    """The begin and the end of a part of each day, written HH:MM-HH:MM; None for anything else."""
    begin, dash, end = text.partition("-")
    is_valid = bool(dash) and _TIME.fullmatch(begin) and _TIME.fullmatch(end)
    return (begin, end) if is_valid else None


def parse_moment(text: str, zone: str) -> datetime | str:
    """The instant (UTC) that a text means in a zone, or why it means none.

    A local time that occurs twice means the first of the two.
    """
    form = _MOMENT.fullmatch(text)
    if form is None or parse_date(text[:10]) is None:
        return f"expected {MOMENT_FORM}"
    named = datetime.fromisoformat(text)
    if named.tzinfo is not None:
        return named.astimezone(UTC)
    loaded = load_zone(zone)
    if loaded is None:
        return ""
    at = named.replace(tzinfo=loaded).astimezone(UTC)
    if at.astimezone(loaded).replace(tzinfo=None) != named:
        return f"this local time does not exist in {zone}: the clock skips it when it is set forward"
    return at


def second_moment(text: str, zone: str) -> datetime | None:
    """The later of the two instants of a local time that occurs twice; None if it occurs once."""
    first = parse_moment(text, zone)
    loaded = load_zone(zone)
    if isinstance(first, str) or loaded is None:
        return None
    named = datetime.fromisoformat(text)
    if named.tzinfo is not None:
        return None
    second = named.replace(tzinfo=loaded, fold=1).astimezone(UTC)
    return second if second != first else None


def days_between(first: date, last: date) -> timedelta:
    """The number of days from first to last, both included."""
    return last - first + timedelta(days=1)
