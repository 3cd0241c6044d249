"""Schedules of other tools, as in `rate(5 minutes)`, or in words: the entries that they mean."""

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from jobfile.foreign.calendar_events import cron_of
from jobfile.foreign.draft import schedule_of
from jobfile.schedule.duration import format_duration, meant_duration, parse_duration

MAX_LENGTH: Final = 80
"""Maximum characters of a text that could be a schedule."""
_RATE: Final = re.compile(r"rate\((.+)\)", re.IGNORECASE)
_AWS_CRON: Final = re.compile(r"cron\((.+)\)", re.IGNORECASE)
_REPEAT: Final = re.compile(r"(?:R\d{0,3}/)?(P.+)", re.IGNORECASE)
_ISO: Final = re.compile(
    r"P(?:(\d{1,3})D)?(?:T(?:(\d{1,4})H)?(?:(\d{1,5})M)?(?:(\d{1,6})S)?)?", re.IGNORECASE
)
_PERIOD: Final = re.compile(r"(?:(?:@?every|each)\s+)?(\S.*)", re.IGNORECASE)
_UNIT: Final = re.compile(r"(?:second|minute|hour)", re.IGNORECASE)
_NUMBER: Final = re.compile(r"(?<![#/\d])[1-7]", re.ASCII)
_TIME: Final = re.compile(r"(\d{1,2})(?:[:.](\d\d)(?::00)?)?\s?(am|pm|h)?", re.ASCII)
_TIMES: Final = {"midnight": (0, 0), "noon": (12, 0)}
_DAYS: Final = {
    **dict.fromkeys(("day", "days", "daily", "everyday", "night", "nightly"), "*"),
    **dict.fromkeys(("weekday", "weekdays", "workday", "workdays"), "mon-fri"),
    **dict.fromkeys(("weekend", "weekends"), "sat,sun"),
}
_NAMES: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_DAY_NAME: Final = re.compile(r"[a-z]{3,10}")
_FILLERS: Final = frozenset({"every", "each", "on", "at", "and", "the"})
NOT_SCHEDULED: Final = frozenset(
    {"manual", "manually", "never", "none", "off", "on demand", "on-demand", "once"}
)
"""Texts that say that a job starts only by hand."""


def entry_meant(text: str) -> Mapping[str, str] | None:
    """The keys of the entry that a text means; None for an unknown form."""
    text = " ".join(text.split())
    if not text or len(text) > MAX_LENGTH:
        return None
    rate, aws = _RATE.fullmatch(text), _AWS_CRON.fullmatch(text)
    if rate is not None:
        return _every(rate[1])
    if aws is not None:
        return _of_aws(aws[1].split())
    return _every(text) or cron_of(text) or _in_words(text.lower())


def as_written(entry: Mapping[str, str]) -> str:
    """The text of an entry after `schedule:`."""
    if entry.keys() == {"cron"}:
        return f'"{entry["cron"]}"'
    parts = (f'{key}: "{value}"' if key == "cron" else f"{key}: {value}" for key, value in entry.items())
    return f"{{{', '.join(parts)}}}"


def _every(text: str) -> Mapping[str, str] | None:
    """A period: `every 5 minutes`, `15m`, `PT1H`, `hour`."""
    found = _PERIOD.fullmatch(text)
    repeat = _REPEAT.fullmatch(text)
    iso = _ISO.fullmatch(repeat[1]) if repeat is not None else None
    if iso is not None and any(iso.groups()):
        pairs = zip(iso.groups(), "dhms", strict=True)
        length = parse_duration("".join(f"{amount}{unit}" for amount, unit in pairs if amount))
    elif found is None or found[1].isdigit():
        return None
    else:
        given = f"1 {found[1]}" if _UNIT.fullmatch(found[1]) else found[1]
        length = parse_duration(meant_duration(given) or "")
    return (
        {"every": format_duration(length)} if length is not None and length >= timedelta(seconds=1) else None
    )


def _of_aws(fields: list[str]) -> Mapping[str, str] | None:
    """The six fields of EventBridge: a year comes last, and Sunday is 1."""
    if len(fields) not in (5, 6) or fields[5:] not in ([], ["*"], ["?"]):
        return None
    week = _NUMBER.sub(lambda found: str(int(found[0]) - 1), fields[4]) if len(fields) == 6 else fields[4]
    return _cron(" ".join((*fields[:4], week)).replace("?", "*"))


def _in_words(text: str) -> Mapping[str, str] | None:
    """Days and a time of day, in any order: `weekdays at 8:30`, `every monday 9am`, `03:00`."""
    text = re.sub(r"(\d) (am|pm)\b", r"\1\2", text)
    week, time = "", None
    for word in re.sub(r"[,;]", " ", text).split():
        clock = _clock(word)
        days = _DAYS.get(word) or _day(word)
        if clock is not None and time is None:
            time = clock
        elif days and (not week or days not in ("*", week)):
            week = f"{week},{days}" if week and week != "*" else days
        elif word not in _FILLERS:
            return None
    if time is None and not week:
        return None
    hour, minute = time or (0, 0)
    return _cron(f"{minute} {hour} * * {week or '*'}")


def _clock(word: str) -> tuple[int, int] | None:
    found = _TIME.fullmatch(word)
    if word in _TIMES or found is None:
        return _TIMES.get(word)
    hour, minute = int(found[1]), int(found[2] or 0)
    if found[2] is None and found[3] is None:
        return None
    if found[3] in ("am", "pm"):
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if found[3] == "pm" else 0)
    return (hour, minute) if hour < 24 and minute < 60 else None


def _day(word: str) -> str:
    """The short name of a weekday, or of a range of them; empty for any other word."""
    first, mark, last = word.replace("..", "-").partition("-")
    names = [_short(one) for one in ((first, last) if mark else (first,))]
    return "-".join(names) if all(names) else ""


def _short(word: str) -> str:
    single = word.removesuffix("s") if len(word) > len("thurs") else word
    is_name = _DAY_NAME.fullmatch(single) and any(one.startswith(single) for one in _NAMES)
    return single[:3] if is_name else ""


def _cron(text: str) -> Mapping[str, str] | None:
    made = schedule_of(text)
    return {"cron": text} if isinstance(made, str) else made
