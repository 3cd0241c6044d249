"""Parses times: one grammar for all commands, in
the job's zone unless the text names one.
"""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

from engine.core.errors import WrongUsageError
from jobfile.model.namedtuple import NamedTuple
from jobfile.model.regex import regex
from jobfile.schedule.dates import YEARS
from jobfile.schedule.duration import parse_duration, why_no_duration
from jobfile.schedule.zones import EPOCH, load_zone

FORMS = (
    "2026-11-28T18:04Z, '2026-11-28 18:04 CET', 18:04, today, yesterday, tomorrow, monday, "
    "'last sunday 8:00', 'last month', 2026-W47, now, 7d, '2h ago', 'in 2h', or epoch seconds"
)

LATEST = datetime(9000, 1, 1, tzinfo=UTC)
"""Later than any time of a run."""

MIN_EPOCH_DIGITS = 9
"""Minimum digits of an epoch time: 20261128 is a day."""

MAX_CHOICES = 4
"""Maximum number of zones in the message about an ambiguous abbreviation."""

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_WEEKDAY = "|".join(f"{name[:3]}(?:{name[3:]})?" for name in WEEKDAYS)
_DAY = rf"\d{{4}}-\d\d-\d\d|today|yesterday|tomorrow|(?:(?:last|next) )?(?:{_WEEKDAY})"
_CLOCK = r"\d{1,2}:\d\d(?::\d\d(?:[.,]\d{1,9})?)?"
_TIME = regex(
    rf"(?:(?:{_WEEKDAY}),? (?=\d{{4}}-))?(?:(?P<day>{_DAY})(?:[T ]|$))?(?P<clock>{_CLOCK})?"
    r" ?(?P<zone>Z|[+-]\d\d(?::?\d\d)?|[A-Za-z]{2,6}|[A-Za-z_]+(?:/[A-Za-z0-9_+-]+)+)?",
    re.IGNORECASE | re.ASCII,
)
_PERIOD = regex(
    r"(?P<which>last|this|next) (?P<unit>week|month|year)|(?P<week>\d{4}-W\d\d)|(?P<month>\d{4}-\d\d)",
    re.IGNORECASE | re.ASCII,
)
_LENGTH = regex(r"(\d{1,9}) ?(seconds?|minutes?|hours?|days?|weeks?)", re.IGNORECASE | re.ASCII)
_EPOCH = regex(rf"@?\d{{{MIN_EPOCH_DIGITS},12}}(?:\.\d{{1,6}})?", re.ASCII)
_OFFSET = regex(r"([+-])(\d\d):?(\d\d)?", re.ASCII)


class Days(NamedTuple):
    """Consecutive local days, both ends included."""

    first: date
    last: date


_LocalTime = Callable[[tzinfo | None], datetime]
"""Returns the local time that a text names in a zone. None is the zone of this host."""


def parse_instant(text: str, zone: ZoneInfo, *, now: datetime) -> datetime:
    """The instant that a text names. A local time is in `zone`; a day means its first instant."""
    given = " ".join(text.split())
    try:
        at = _relative(given, now) or _named(given, zone, now)
    except (ValueError, OverflowError):
        raise WrongUsageError(f"'{text}' is not a time; write {FORMS}") from None
    if at.year not in YEARS:
        known = f"it knows the years {YEARS[0]} to {YEARS[-1]}"
        raise WrongUsageError(f"'{text}' is not a time that jobfile knows; {known}")
    return at.astimezone(UTC)


def parse_coming(text: str, zone: ZoneInfo, *, now: datetime) -> datetime:
    """The instant that a text names, for options about the future.

    A bare length counts from now on, a clock time that has passed today is that of tomorrow, and a weekday is
    the next one.
    """
    given = " ".join(text.split())
    if given.partition(" ")[0].lower()[:3] in {name[:3] for name in WEEKDAYS}:
        given = f"next {given}" if _TIME.fullmatch(f"next {given}") else given
    at = parse_instant(f"in {given}" if parse_duration(given) is not None else given, zone, now=now)
    found = _TIME.fullmatch(given)
    if at <= now and given[:1].isdigit() and found is not None and found["clock"] and not found["day"]:
        return parse_instant(f"tomorrow {given}", zone, now=now)
    return at


def parse_days(text: str, zone: ZoneInfo, *, now: datetime) -> Days:
    """The day, week, month or year that a text names, or the day of the instant that it names, in `zone`."""
    if (found := named_days(text, zone, now=now)) is not None:
        return found
    day = parse_instant(text, zone, now=now).astimezone(zone).date()
    return Days(day, day)


def parse_length(text: str, *, of: str) -> timedelta:
    """The length of time that a text names; `of` is the option, for the message."""
    length = parse_duration(text)
    if length is None:
        why, expected = why_no_duration(text)
        raise WrongUsageError(f"{of}: '{text}' {why}: {expected}")
    return length


def named_day(text: str, zone: ZoneInfo, *, now: datetime) -> date | None:
    """The day of a text that names a day and no time: 2026-11-28, today, yesterday, tomorrow."""
    found = _TIME.fullmatch(" ".join(text.split()))
    if found is None or not found["day"] or found["clock"] or found["zone"]:
        return None
    try:
        return _day(found["day"], zone, now)
    except ValueError:
        return None


def named_days(text: str, zone: ZoneInfo, *, now: datetime) -> Days | None:
    """The days of a text that names a day, a week, a month or a year, and no time; None for another text."""
    if (day := named_day(text, zone, now=now)) is not None:
        return Days(day, day)
    return _period(" ".join(text.split()), now.astimezone(zone).date())


def _period(given: str, today: date) -> Days | None:
    """A week (from Monday, ISO 8601), a month or a year; ValueError for one that does not exist."""
    found = _PERIOD.fullmatch(given)
    if found is None:
        return None
    try:
        if found["week"]:
            monday = date.fromisoformat(f"{found['week'].upper()}-1")
            return Days(monday, monday + timedelta(days=6))
        if found["month"]:
            return _month(date.fromisoformat(f"{found['month']}-01"))
    except ValueError:
        return None
    step = {"last": -1, "this": 0, "next": 1}[found["which"].lower()]
    match found["unit"].lower():
        case "week":
            monday = today - timedelta(days=today.weekday()) + timedelta(weeks=step)
            return Days(monday, monday + timedelta(days=6))
        case "month":
            months = today.year * 12 + today.month - 1 + step
            return _month(date(months // 12, months % 12 + 1, 1))
        case _:
            return Days(date(today.year + step, 1, 1), date(today.year + step, 12, 31))


def _month(first: date) -> Days:
    after = (first + timedelta(days=31)).replace(day=1)
    return Days(first, after - timedelta(days=1))


def _relative(given: str, now: datetime) -> datetime | None:
    """A length of time before or after now, or now itself."""
    if given.lower() == "now":
        return now
    ahead = _length(given[3:]) if given[:3].lower() == "in " else None
    if ahead is not None:
        return now + ahead
    is_ago = given[-4:].lower() == " ago"
    back = _length(given[:-4]) if is_ago else parse_duration(given)
    return None if back is None else now - back


def _length(text: str) -> timedelta | None:
    """A length of time, as in a job file or in words: 2h, 2 hours."""
    words = _LENGTH.fullmatch(text)
    if words is None:
        return parse_duration(text)
    unit = words[2].lower().removesuffix("s")
    return timedelta(**{f"{unit}s": int(words[1])})


def _named(given: str, zone: ZoneInfo, now: datetime) -> datetime:
    """A time from its date and clock; ValueError when the text is not one."""
    if _EPOCH.fullmatch(given):
        return EPOCH + timedelta(seconds=float(given.removeprefix("@")))
    if (days := _period(given, now.astimezone(zone).date())) is not None:
        return datetime.combine(days.first, time(), tzinfo=zone)
    found = _TIME.fullmatch(given)
    if found is None or not (found["day"] or found["clock"]):
        at = datetime.fromisoformat(given)  # further forms of ISO 8601: 20261128T1804, 2026-W48-6
        return at if at.tzinfo is not None else at.replace(tzinfo=zone)

    def in_zone(of: tzinfo | None) -> datetime:
        return datetime.combine(_day(found["day"], of, now), _clock(found["clock"]))

    if not found["zone"]:
        return in_zone(zone).replace(tzinfo=zone)
    return _in_named_zone(in_zone, found["zone"], zone)


def _day(text: str | None, zone: tzinfo | None, now: datetime) -> date:
    today = now.astimezone(zone).date()
    words = {
        None: today,
        "today": today,
        "yesterday": today - timedelta(days=1),
        "tomorrow": today + timedelta(days=1),
    }
    word = text.lower() if text else None
    if word in words:
        return words[word]
    return _weekday(str(word), today) or date.fromisoformat(str(text))


def _weekday(words: str, today: date) -> date | None:
    """The newest day with this name, today included; with `last` the one before today, with `next` the first
    after it.
    """
    which, _, name = words.rpartition(" ")
    number = next((n for n, known in enumerate(WEEKDAYS) if name and known.startswith(name[:3])), None)
    if number is None or not name.isalpha():
        return None
    back = (today.weekday() - number) % 7
    if which == "next":
        return today + timedelta(days=7 - back)
    return today - timedelta(days=back or 7 if which == "last" else back)


def _clock(text: str | None) -> time:
    if text is None:
        return time()
    hour, _, rest = text.partition(":")
    return time.fromisoformat(f"{hour:0>2}:{rest}")


def _in_named_zone(local: _LocalTime, name: str, zone: ZoneInfo) -> datetime:
    """A local time in the zone that the text names: by an offset, a place, or an abbreviation.

    An abbreviation can have several meanings; that of the job's zone comes first, then that of the host.
    """
    if name.upper() in ("Z", "UTC"):
        return local(UTC).replace(tzinfo=UTC)
    if offset := _OFFSET.fullmatch(name):
        ahead = timedelta(hours=int(offset[2]), minutes=int(offset[3] or 0))
        fixed = timezone(ahead if offset[1] == "+" else -ahead)
        return local(fixed).replace(tzinfo=fixed)
    if "/" in name:
        place = load_zone(name)
        if place is None:
            raise WrongUsageError(f"there is no time zone '{name}'; write a name such as Europe/Oslo")
        return local(place).replace(tzinfo=place)
    for known in (zone, None):
        for at in _readings(local(known), known):
            if (at.tzname() or "").upper() == name.upper():
                return at
    return _anywhere(local(zone), name, zone)


def _readings(local: datetime, zone: tzinfo | None) -> Iterator[datetime]:
    """The instants of a local time: two if the clocks were set back."""
    for fold in (0, 1):
        aware = local.replace(fold=fold)
        yield aware.astimezone() if zone is None else aware.replace(tzinfo=zone)


def _anywhere(local: datetime, name: str, zone: ZoneInfo) -> datetime:
    """A local time in the zones that have this abbreviation at that time. Raises if they do not agree."""
    from jobfile.schedule.zones import zone_names  # noqa: PLC0415  start-up time: only for the rare abbreviation

    found: dict[datetime, str] = {}
    for place in sorted(zone_names()):
        other = load_zone(place)
        for at in _readings(local, other) if other is not None and "/" in place else ():
            if (at.tzname() or "").upper() == name.upper():
                found.setdefault(at.astimezone(UTC), place)
    if len(found) == 1:
        return next(iter(found))
    if found:
        choices = sorted(f"{local.replace(tzinfo=load_zone(one)):%z} in {one}" for one in found.values())
        named = ", ".join(choices[:MAX_CHOICES])
        raise WrongUsageError(f"'{name}' means more than one zone ({named}); write the offset or the place")
    here = local.replace(tzinfo=zone).tzname()
    raise WrongUsageError(
        f"no zone is called '{name}' at that time; {zone.key} is called {here} then. "
        "Write the offset, as in 2026-11-28T18:04+01:00, or UTC"
    )
