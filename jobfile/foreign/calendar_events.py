"""Calendar events of systemd, as in `Mon..Fri *-*-* 08:00`, as entries of a schedule."""

import re
from collections.abc import Mapping
from typing import Final

from jobfile.foreign.draft import schedule_of

_NAMED: Final = {
    "minutely": "* * * * *",
    "hourly": "0 * * * *",
    "daily": "0 0 * * *",
    "weekly": "0 0 * * mon",
    "monthly": "0 0 1 * *",
    "quarterly": "0 0 1 1,4,7,10 *",
    "semiannually": "0 0 1 1,7 *",
    "yearly": "0 0 1 1 *",
    "annually": "0 0 1 1 *",
}
_ZONE: Final = re.compile(r"UTC|[A-Z][A-Za-z_]+/[\w/+-]+")
_WEEKDAYS: Final = re.compile(
    r"(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*+(?:(?:,|\.\.|-)[a-z]++)*+", re.IGNORECASE
)
_DATE: Final = re.compile(r"(?:(\*|\d{4})-)?([\d*,./]++)(-|~)([\d*,./]++)")
_TIME: Final = re.compile(r"([\d*,./]++):([\d*,./]++)(?::([\d*,./]++))?")
_PART: Final = re.compile(r"(\*|\d++)(?:\.\.(\d++))?(?:/(\d++))?")


def cron_of(event: str) -> Mapping[str, str] | None:
    """The entry for an event; None if cron cannot say it, as with seconds and years."""
    words = event.split()
    zone = words.pop() if len(words) > 1 and _ZONE.fullmatch(words[-1]) else ""
    if len(words) == 1 and words[0].lower() in _NAMED:
        return _entry(_NAMED[words[0].lower()], zone)
    week, day, month, hour, minute = "*", "*", "*", "0", "0"
    for word in words:
        date, time = _DATE.fullmatch(word), _TIME.fullmatch(word)
        if _WEEKDAYS.fullmatch(word):
            week = re.sub(r"([a-z]{3})[a-z]*", r"\1", word.lower()).replace("..", "-")
        elif date is not None and date[1] in (None, "*"):
            month = _field(date[2])
            day = _field(date[4]) if date[3] == "-" else {"1": "L", "01": "L"}.get(date[4], "")
        elif time is not None and (time[3] or "0").strip("0") == "":
            hour, minute = _field(time[1]), _field(time[2])
        else:
            return None
    if not all((week, day, month, hour, minute)):
        return None
    return _entry(f"{minute} {hour} {day} {month} {week}", zone, is_both=week != "*" and day != "*")


def _entry(cron: str, zone: str, *, is_both: bool = False) -> Mapping[str, str] | None:
    if schedule_of(cron) is None:
        return None
    days = {"days": "both"} if is_both else {}
    return {"cron": cron, **days, **({"timezone": zone} if zone else {})}


def _field(text: str) -> str:
    """A component of a date or time as a field of cron; empty if it has none."""
    parts = []
    for one in text.split(","):
        found = _PART.fullmatch(one)
        if found is None:
            return ""
        first, last, step = found.groups()
        start = first if first == "*" else str(int(first))
        end = f"-{int(last)}" if last else ""
        every = f"/{int(step)}" if step else ""
        parts.append("*" + every if start == "0" and every and not end else f"{start}{end}{every}")
    return ",".join(parts)
