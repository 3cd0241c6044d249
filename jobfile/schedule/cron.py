"""Parses cron text to sets of minutes, hours and days: cron semantics version 1, which no release may change.

The rules are those of Debian's cron (crontab(5), cron(8)), which is Vixie cron; where POSIX differs, comments
say so.
"""

import re
from dataclasses import replace
from functools import lru_cache

from jobfile.model.dataclass import dataclass
from jobfile.model.jobs import DayRule
from jobfile.model.regex import regex
from jobfile.schedule.cron_fields import (
    DAY_OF_MONTH,
    FIELDS,
    ORDER_OF_FIELDS,
    CronProblem,
    FieldSet,
    SpecialDay,
    parse_field,
)

__all__ = ["CRON_SEMANTICS_VERSION", "CronExpression", "CronProblem", "SpecialDay", "parse_cron"]

CRON_SEMANTICS_VERSION = 1
"""Stored with every generation: the meaning of an expression never changes for a user."""

MAX_LENGTH = 128
"""Maximum characters of an expression; a longer one is a mistake."""

ALIASES = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
MONTH_LENGTHS = ((31,), (28, 29), (31,), (30,), (31,), (30,), (31,), (31,), (30,), (31,), (30,), (31,))
"""The possible lengths of the months, January first."""

_WORDS = regex(r"[^ \t]+")
_CRON_WORD = regex(r"[\d*?,/#LW-]+|(?:[a-z]{3}[,#L\d-]?+)++", re.ASCII | re.IGNORECASE)
_ZONE_PREFIX = regex(r"(?:CRON_)?TZ=([^ \t]*)", re.ASCII)
ALL_WEEKDAYS = 0b1111111
_EVERY_DAY = (2 << 31) - 2
FIVE_WEEKS = 0b10000001000000100000010000001
"""One bit for each of five weeks: multiplying seven bits by it repeats them over 35 days."""
_SUNDAY, _SATURDAY = 0, 6


@dataclass(frozen=True, slots=True, kw_only=True)
class CronExpression:
    """A cron text as bit sets: bit n is minute, hour, day, month or weekday n (0 is Sunday).

    `fields` are its five texts. A fixed expression (`is_fixed`) names its minutes and hours, which decides
    how a clock change affects it: local_times.py. With `is_either`, a day matches if one of the two day
    fields does. With `restricts_both_days`, neither day field is a plain star, so the author may mean either
    rule. `uneven_step` is a note on a step that does not divide its range.
    """

    fields: tuple[str, ...]
    minute: int
    hour: int
    day_of_month: int
    month: int
    day_of_week: int
    special_days_of_month: tuple[SpecialDay, ...]
    special_days_of_week: tuple[SpecialDay, ...]
    is_fixed: bool
    is_either: bool
    restricts_both_days: bool
    uneven_step: str | None

    def days(self, length: int, first_weekday: int) -> int:
        """The days that match in a month with this length and this first weekday: bit n is day n."""
        every_day = (2 << length) - 2
        week = self.day_of_week
        if week != ALL_WEEKDAYS:
            # Rotated, so that bit 0 is the weekday of day 1; one place to the left, because bit n is day n.
            turned = (week >> first_weekday | week << 7 - first_weekday) & ALL_WEEKDAYS
            by_week = turned * FIVE_WEEKS << 1
        else:
            by_week = every_day
        by_day = self.day_of_month
        for special in self.special_days_of_month:
            by_day |= _special_bit(special, length, first_weekday)
        for special in self.special_days_of_week:
            by_week |= _special_bit(special, length, first_weekday)
        return (by_day | by_week if self.is_either else by_day & by_week) & every_day


@lru_cache(maxsize=16_384)
def parse_cron(text: str, *, days: DayRule = DayRule.CRON) -> CronExpression | CronProblem:
    """The expression in a text, or the problem with it. Never raises."""
    refused = _refused_text(text)
    if refused is not None:
        return refused
    words = [(match.group(), match.start()) for match in _WORDS.finditer(text)]
    if words[0][0].startswith("@"):
        return _parse_alias(text, words, days)
    if len(words) != len(FIELDS):
        return _wrong_count(text, words)
    return _parse_fields(words, days)


def _parse_fields(words: list[tuple[str, int]], days: DayRule) -> CronExpression | CronProblem:
    sets: list[FieldSet] = []
    for field, (word, start) in zip(FIELDS, words, strict=True):
        parsed = parse_field(field, word)
        if isinstance(parsed, CronProblem):
            return replace(parsed, start=start + parsed.start, end=start + parsed.end)
        sets.append(parsed)
    expression = _expression(tuple(word for word, _ in words), sets, days)
    return expression if _fires(expression) else _never(words, expression)


def _expression(fields: tuple[str, ...], sets: list[FieldSet], days: DayRule) -> CronExpression:
    minute, hour, day, month, week = sets
    has_star = [field[0] in "*?" for field in fields]
    restricts_day = not (has_star[2] and day.bits == _EVERY_DAY)
    restricts_week = not (has_star[4] and week.bits == ALL_WEEKDAYS)
    restricts_both = restricts_day and restricts_week
    if days is DayRule.CRON:
        # POSIX: when both day fields are restricted, either may match. Vixie cron looks at the first
        # character only, so `*/2` counts as a star, and then both fields must match.
        is_either = not has_star[2] and not has_star[4]
    else:
        is_either = days is DayRule.EITHER and restricts_both
    return CronExpression(
        fields=fields,
        minute=minute.bits,
        hour=hour.bits,
        day_of_month=day.bits,
        month=month.bits,
        day_of_week=week.bits,
        special_days_of_month=day.special_days,
        special_days_of_week=week.special_days,
        is_fixed=not has_star[0] and not has_star[1],  # the flags MIN_STAR and HR_STAR of Vixie cron
        is_either=is_either,
        restricts_both_days=restricts_both,
        uneven_step=next((one.uneven_step for one in sets if one.uneven_step), None),
    )


# --- days that depend on the month


def _special_bit(special: SpecialDay, length: int, first_weekday: int) -> int:
    """The bit of a special day in a month of this shape; 0 if the month has no such day."""
    if special.kind == "L":
        return 1 << length
    if special.kind == "LW":
        return 1 << _nearest_weekday(length, length, first_weekday)
    if special.kind == "nW":
        return 1 << _nearest_weekday(special.day, length, first_weekday) if special.day <= length else 0
    first = 1 + (special.day - first_weekday) % 7
    day = first + 7 * (special.nth - 1) if special.kind == "d#k" else first + (length - first) // 7 * 7
    return 1 << day if day <= length else 0


def _nearest_weekday(day: int, length: int, first_weekday: int) -> int:
    """The weekday (Monday to Friday) nearest to a day, but never in the month before or after."""
    weekday = (first_weekday + day - 1) % 7
    if weekday == _SATURDAY:
        return day - 1 if day > 1 else day + 2
    if weekday == _SUNDAY:
        return day + 1 if day < length else day - 2
    return day


def _fires(expression: CronExpression) -> bool:
    """Whether any day ever matches.

    The calendar repeats after 400 years, and in them each month begins on every weekday with each of its
    lengths. So these are all possible months.
    """
    return any(
        expression.days(length, first_weekday)
        for month, lengths in enumerate(MONTH_LENGTHS, 1)
        if expression.month >> month & 1
        for length in lengths
        for first_weekday in range(7)
    )


def _never(words: list[tuple[str, int]], expression: CronExpression) -> CronProblem:
    week, week_at = words[4]
    month, month_at = words[3]
    needs_week = expression.day_of_week != ALL_WEEKDAYS or bool(expression.special_days_of_week)
    is_about_week = needs_week and not expression.is_either
    return CronProblem(
        code="JF304",
        message=f"`{' '.join(expression.fields)}` never fires",
        start=words[2][1],
        end=week_at + len(week) if is_about_week else month_at + len(month),
        label="no year has such a day",
        help=(DAY_OF_MONTH.advice, *(["a day must match both day fields"] if is_about_week else [])),
    )


# --- texts that are refused completely


def _refused_text(text: str) -> CronProblem | None:
    if len(text) > MAX_LENGTH:
        return _problem(
            f"a cron expression has at most {MAX_LENGTH} characters, this one has {len(text)}",
            MAX_LENGTH,
            len(text),
            label="beyond the limit",
            help_=("split it into several schedules in a list",),
        )
    for at, sign in enumerate(text):
        if not (" " <= sign <= "~" or sign == "\t"):
            return _refused_character(sign, at)
    if not text or text.isspace():
        return _problem("the cron expression is empty", 0, len(text), help_=(ORDER_OF_FIELDS,))
    prefix = _ZONE_PREFIX.match(text.lstrip(" \t"))
    if prefix is not None:
        start = len(text) - len(text.lstrip(" \t"))
        return _problem(
            "the time zone is not part of a cron expression",
            start,
            start + prefix.end(),
            label="not a field",
            help_=(f"write `timezone: {prefix[1] or 'Europe/Oslo'}` beside `cron:`",),
        )
    return None


def _refused_character(sign: str, at: int) -> CronProblem:
    """A character outside ASCII or a control character; named by its position, as it can be invisible."""
    number = f"U+{ord(sign):04X}"
    if sign.isdecimal():
        message, fix = f"digit {number} is not one of 0 to 9", str(int(sign))
    elif sign.isspace():
        message, fix = f"character {number} is not a valid separator", " "
    elif sign in "‐‑‒–—−":
        message, fix = f"character {number} is not the hyphen of a range", "-"
    else:
        message, fix = f"character {number} is not allowed in a cron expression", None
    label = "separate fields with spaces or tabs" if fix == " " else "only ASCII characters are allowed"
    help_ = "a field consists of digits, names of three letters, and the signs  * , - / ? #"
    if fix is not None:
        help_ = "write a space" if fix == " " else f"write `{fix}`"
    return _problem(message, at, at + 1, label=label, help_=(help_,), fix=fix)


def _parse_alias(text: str, words: list[tuple[str, int]], days: DayRule) -> CronExpression | CronProblem:
    (alias, start), *rest = words
    end = start + len(alias)
    if alias == "@reboot":
        return CronProblem(
            code="JF307",
            message="`@reboot` is not a time",
            start=start,
            end=end,
            label="a machine can start at any time",
            help=("remove `schedule`, and write  triggers: [{boot: true}]",),
        )
    if alias == "@every":
        period = rest[0][0] if rest else "10m"
        return _problem(
            "`@every` is not part of a cron expression",
            start,
            end,
            label="this is a period, not a time of day",
            help_=(f"write `every: {period}` instead of `cron:`",),
        )
    if alias not in ALIASES:
        return _unknown_alias(alias, start)
    if rest:
        return _problem(
            f"`{alias}` must be the whole expression",
            rest[0][1],
            len(text.rstrip(" \t")),
            label="one word too many",
            help_=(f"for another time, write {ORDER_OF_FIELDS}",),
        )
    parsed = _parse_fields([(field, 0) for field in ALIASES[alias].split()], days)
    assert isinstance(parsed, CronExpression)
    return parsed


def _unknown_alias(alias: str, start: int) -> CronProblem:
    lower = alias.lower()
    near = [
        name
        for name in ALIASES
        if lower == name or sorted(lower) == sorted(name) or lower.removesuffix("s") + "ly" == name
    ]
    return _problem(
        f"`{alias}` is not an alias",
        start,
        start + len(alias),
        label=f"expected {', '.join(ALIASES)}",
        help_=(f"did you mean `{near[0]}`?",) if len(near) == 1 else (f"write {ORDER_OF_FIELDS}",),
        fix=near[0] if len(near) == 1 else None,
    )


def _wrong_count(text: str, words: list[tuple[str, int]]) -> CronProblem:
    """Six or seven fields contain seconds or years; more words are a crontab line."""
    first_five = _parse_fields(words[:5], DayRule.CRON) if len(words) > 5 else None
    if len(words) in (6, 7) and all(_CRON_WORD.fullmatch(word) for word, _ in words):
        return _seconds(words, last_is_good=isinstance(first_five, CronExpression))
    if isinstance(first_five, CronExpression):
        return _problem(
            f"a cron expression has five fields, this one has {len(words)}",
            words[5][1],
            len(text.rstrip(" \t")),
            label="not part of the expression",
            help_=("put the command under `run:` or `command:`",),
        )
    start, end = words[0][1], words[-1][1] + len(words[-1][0])
    return _problem(
        f"a cron expression has five fields, this one has {len(words)}",
        start,
        end,
        label="five are needed",
        help_=(ORDER_OF_FIELDS,),
    )


def _seconds(words: list[tuple[str, int]], *, last_is_good: bool) -> CronProblem:
    """Programs differ on whether seconds come first or last, so both readings are shown."""
    texts = [word for word, _ in words]
    first_is_good = isinstance(
        _parse_fields([(word, 0) for word in texts[1:6]], DayRule.CRON), CronExpression
    )
    help_ = ["for a period in seconds, write `every: 10s` instead of `cron:`"]
    if last_is_good and len(words) == 6:
        help_.insert(0, f"if the seconds come last:  {' '.join(texts[:5])}")
    if first_is_good:
        help_.insert(0, f"if the seconds come first:  {' '.join(texts[1:6])}")
    is_plain = len(words) == 6 and first_is_good and not last_is_good and texts[0] in ("0", "00")
    what = "seconds are not supported" if len(words) == 6 else "seconds and years are not supported"
    start = words[0][1] if first_is_good or len(words) == 7 else words[5][1]
    return CronProblem(
        code="JF306",
        message=f"{what}: a cron expression has five fields, this one has {len(words)}",
        start=start,
        end=words[1][1] if start == words[0][1] else words[5][1] + len(words[5][0]),
        label="the smallest unit is the minute",
        help=tuple(help_),
        fix="" if is_plain else None,
    )


def _problem(
    message: str,
    start: int,
    end: int,
    *,
    label: str = "",
    help_: tuple[str, ...] = (),
    fix: str | None = None,
) -> CronProblem:
    return CronProblem(code="JF301", message=message, start=start, end=end, label=label, help=help_, fix=fix)
