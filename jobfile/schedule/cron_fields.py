"""Parses one field of a cron expression: numbers, names, ranges, steps, special days; explains mistakes."""

from functools import lru_cache
from typing import Literal

from jobfile.model.dataclass import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class CronProblem:
    """A mistake in a cron text. `start` and `end` are offsets in it; `fix` is a text to replace it."""

    code: str
    message: str
    start: int
    end: int
    label: str = ""
    help: tuple[str, ...] = ()
    fix: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SpecialDay:
    """A day that depends on the month: `L`, `LW`, `15W`, `5L` (last Friday), `1#2` (second Monday)."""

    kind: Literal["L", "LW", "nW", "dL", "d#k"]
    day: int = 0
    nth: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldSet:
    """The values that a field matches. `uneven_step` describes a step whose last interval is different."""

    bits: int
    special_days: tuple[SpecialDay, ...] = ()
    uneven_step: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Field:
    """The rules of one field. `advice` is for a number out of range.

    `last` is the end of `*` and of an open range (`5/10`). It differs from `high` for weekdays: 7 is Sunday
    again, and must not count twice.
    """

    name: str
    low: int
    high: int
    last: int
    cycle_name: str
    advice: str
    names: tuple[str, ...] = ()


MINUTE = Field(name="minute", low=0, high=59, last=59, cycle_name="hour", advice="the full hour is minute 0")
HOUR = Field(name="hour", low=0, high=23, last=23, cycle_name="day", advice="midnight is hour 0")
DAY_OF_MONTH = Field(
    name="day-of-month", low=1, high=31, last=31, cycle_name="month", advice="the last day of a month is `L`"
)
MONTH = Field(
    name="month",
    low=1,
    high=12,
    last=12,
    cycle_name="year",
    advice="January is 1 or jan, December is 12 or dec",
    names=("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"),
)
DAY_OF_WEEK = Field(
    name="day-of-week",
    low=0,
    high=7,
    last=6,
    cycle_name="week",
    advice="Sunday is 0, 7 or sun, Saturday is 6 or sat",
    names=("sun", "mon", "tue", "wed", "thu", "fri", "sat"),
)
FIELDS = (MINUTE, HOUR, DAY_OF_MONTH, MONTH, DAY_OF_WEEK)
DAY_FIELDS = (DAY_OF_MONTH, DAY_OF_WEEK)
ORDER_OF_FIELDS = "five fields: minute hour day-of-month month day-of-week, such as  0 2 * * *"

SUNDAY_AT_END = 7
MAX_NTH = 5
"""A weekday occurs at most five times in a month."""


@lru_cache(maxsize=4096)
def parse_field(field: Field, text: str) -> FieldSet | CronProblem:
    """The values that a field's text matches, or the problem with it; offsets are within the field."""
    if text == "?" and field in DAY_FIELDS:
        return FieldSet(bits=_bits(field, field.low, field.last, 1))
    bits, at = 0, 0
    special_days: list[SpecialDay] = []
    uneven_step = None
    for item in text.split(","):
        parsed = _parse_item(field, item, at, is_only=item == text) if item else _empty_item(field, at)
        if isinstance(parsed, CronProblem):
            return parsed
        bits |= parsed.bits
        special_days += parsed.special_days
        uneven_step = uneven_step or parsed.uneven_step
        at += len(item) + 1
    return FieldSet(bits=bits, special_days=tuple(special_days), uneven_step=uneven_step)


def _parse_item(field: Field, item: str, at: int, *, is_only: bool) -> FieldSet | CronProblem:
    refused = _refused_item(field, item, at, is_only=is_only)
    if refused is not None:
        return refused
    special = _special_day(field, item, at)
    if special is not None:
        return special if isinstance(special, CronProblem) else FieldSet(bits=0, special_days=(special,))
    head, slash, step_text = item.partition("/")
    bounds = _bounds(field, head, at, is_open=bool(slash))
    if isinstance(bounds, CronProblem):
        return bounds
    step = _step(field, step_text, at + len(head) + 1) if slash else 1
    if isinstance(step, CronProblem):
        return step
    low, high = bounds
    uneven = _uneven(field, item, low, high, step, is_range="-" in head) if slash else None
    return FieldSet(bits=_bits(field, low, high, step), uneven_step=uneven)


def _bits(field: Field, low: int, high: int, step: int) -> int:
    bits = 0
    for value in range(low, high + 1, step):
        bits |= 1 << (value % SUNDAY_AT_END if field is DAY_OF_WEEK else value)
    return bits


# --- numbers, ranges, steps


def _bounds(field: Field, head: str, at: int, *, is_open: bool) -> tuple[int, int] | CronProblem:
    """First and last value of `*`, `a`, `a-b`, or of an open `a/s`."""
    if head == "*":
        return field.low, field.last
    first, dash, second = head.partition("-")
    if not first or (dash and (not second or "-" in second)):
        return _not_a_range(field, head, at)
    low = _value(field, first, at)
    if isinstance(low, CronProblem):
        return low
    if not dash:
        return _open_range(field, low, head, at) if is_open else (low, low)
    high = _value(field, second, at + len(first) + 1)
    if isinstance(high, CronProblem):
        return high
    if field is DAY_OF_WEEK and high == 0 and low > 0:
        high = SUNDAY_AT_END  # `fri-sun`: at the end of a range Sunday is 7
    return (low, high) if low <= high else _backwards(field, head, at, low, high, has_step=is_open)


def _open_range(field: Field, low: int, head: str, at: int) -> tuple[int, int] | CronProblem:
    if low <= field.last:
        return low, field.last
    return CronProblem(
        code="JF313",
        message=f"a step that starts at `{head}` in the {field.name} field has no next value",
        start=at,
        end=at + len(head),
        label="the week ends at 6, Saturday",
        help=("for Sunday at the start of the week write 0",),
    )


def _value(field: Field, word: str, at: int) -> int | CronProblem:
    if word.isdigit():
        value = int(word)
        return value if field.low <= value <= field.high else _out_of_range(field, word, at)
    if word.lower() in field.names:
        return field.low + field.names.index(word.lower())
    return _not_a_value(field, word, at)


def _step(field: Field, text: str, at: int) -> int | CronProblem:
    if text.isdigit() and int(text) > 0:
        return int(text)
    end = at + len(text)
    if text.isdigit():
        return CronProblem(
            code="JF302",
            message=f"step {text} in the {field.name} field never advances",
            start=at,
            end=end,
            label="a step must be 1 or more",
            help=(f"for every {field.name}, remove the step",),
        )
    found = f"`{text}` is not a step" if text else "a step is missing after `/`"
    return CronProblem(
        code="JF301",
        message=f"{found} in the {field.name} field",
        start=at if text else at - 1,
        end=end,
        label="expected a number, 1 or more",
        help=(f"every third {field.name} is `*/3`",),
    )


def _uneven(field: Field, item: str, low: int, high: int, step: int, *, is_range: bool) -> str | None:
    """A note on a step whose interval is not always the same."""
    if step > 1 and step > high - low:
        return f"the step of `{item}` is longer than the range: it matches only {field.name} {low}"
    is_round = (low, high) == (field.low, field.last) if is_range else low - field.low < step
    if is_round and (field.last - field.low + 1) % step:
        return f"`{item}` starts again each {field.cycle_name}"
    return None


# --- special days


def _special_day(field: Field, item: str, at: int) -> SpecialDay | CronProblem | None:
    """The special day, which depends on the month, or None if the item is not one."""
    upper = item.upper()
    if field is DAY_OF_MONTH:
        return _special_day_of_month(upper, item, at)
    if field is DAY_OF_WEEK and (upper.endswith("L") or "#" in upper):
        return _special_day_of_week(upper, item, at)
    return None


def _special_day_of_month(upper: str, item: str, at: int) -> SpecialDay | CronProblem | None:
    if upper == "L":
        return SpecialDay(kind="L")
    if upper == "LW":
        return SpecialDay(kind="LW")
    number, letter = upper[:-1], upper[-1]
    if letter == "W" and number.isdigit():
        if DAY_OF_MONTH.low <= int(number) <= DAY_OF_MONTH.high:
            return SpecialDay(kind="nW", day=int(number))
        return _out_of_range(DAY_OF_MONTH, number, at)
    if upper.startswith("L") or letter == "W":
        return _bad_special(
            DAY_OF_MONTH, item, at, "`L` last day, `LW` last weekday, `15W` nearest to the 15th"
        )
    return None


def _special_day_of_week(upper: str, item: str, at: int) -> SpecialDay | CronProblem:
    if upper == "L":
        return CronProblem(
            code="JF301",
            message="`L` in the day-of-week field does not say which day",
            start=at,
            end=at + 1,
            label="other programs read it as Saturday",
            help=("for Saturday write 6", "for the last Friday of the month write 5L"),
        )
    word, mark, nth = upper.partition("#") if "#" in upper else (upper[:-1], "", "")
    if not word or "-" in word or "/" in item or word == "*":
        return _bad_special(
            DAY_OF_WEEK, item, at, "`5L` last Friday, `mon#1` first Monday; no ranges, no steps"
        )
    day = _value(DAY_OF_WEEK, word, at)
    if isinstance(day, CronProblem):
        return day
    if not mark:
        return SpecialDay(kind="dL", day=day % SUNDAY_AT_END)
    if nth.isdigit() and 1 <= int(nth) <= MAX_NTH:
        return SpecialDay(kind="d#k", day=day % SUNDAY_AT_END, nth=int(nth))
    return CronProblem(
        code="JF302" if nth.isdigit() else "JF301",
        message=f"`{item}` in the day-of-week field does not say which {word.lower()} of the month",
        start=at + len(word) + bool(nth),
        end=at + len(item),
        label=f"1 to {MAX_NTH} after `#`",
        help=(f"for the last one write {word.lower()}L",),
    )


def _bad_special(field: Field, item: str, at: int, help_: str) -> CronProblem:
    return CronProblem(
        code="JF301",
        message=f"`{item}` is not a special day of the {field.name} field",
        start=at,
        end=at + len(item),
        label="not one of the forms",
        help=(help_,),
    )


# --- mistakes and their messages


def _empty_item(field: Field, at: int) -> CronProblem:
    comma = max(at - 1, 0)
    return CronProblem(
        code="JF301",
        message=f"an item of the list in the {field.name} field is empty",
        start=comma,
        end=comma + 1,
        label="a value is missing beside this comma",
        help=("remove the comma, or write a value beside it",),
    )


def _refused_item(field: Field, item: str, at: int, *, is_only: bool) -> CronProblem | None:
    """Signs used by other programs, each with what to write instead."""
    if "~" in item or (item[0] in "Hh" and (len(item) == 1 or item[1] in "/(")):
        return CronProblem(
            code="JF301",
            message=f"`{item}` in the {field.name} field would let the program choose",
            start=at,
            end=at + len(item),
            label="a schedule must be the same on every machine",
            help=(f"choose the {field.name} yourself; `spread:` keeps jobs apart",),
        )
    if "?" in item:
        return CronProblem(
            code="JF301",
            message=f"`{item}` is not allowed in the {field.name} field",
            start=at,
            end=at + len(item),
            label="`?` must be alone" if field in DAY_FIELDS else "`?` is allowed only in the two day fields",
            help=("write `*`",),
            fix="*" if is_only and item == "?" else None,
        )
    return None


def _out_of_range(field: Field, word: str, at: int) -> CronProblem:
    return CronProblem(
        code="JF302",
        message=f"{field.name} {word} is out of range",
        start=at,
        end=at + len(word),
        label=f"{field.low} to {field.high}",
        help=(field.advice,),
    )


def _not_a_value(field: Field, word: str, at: int) -> CronProblem:
    meant = _nearest_name(field, word)
    own = [one.name for one in FIELDS if one is not field and _nearest_name(one, word)]
    advice = [f"`{word}` belongs in the {name} field" for name in own]
    expected = f"{field.low} to {field.high}"
    if field.names:
        expected += f", or {field.names[0]} to {field.names[-1]}"
    return CronProblem(
        code="JF301",
        message=f"`{word}` is not allowed in the {field.name} field",
        start=at,
        end=at + len(word),
        label=f"expected {expected}, `a-b`, `a,b` or `*`",
        help=(f"names have three letters: `{meant}`",) if meant else (*advice[:1], ORDER_OF_FIELDS),
        fix=meant,
    )


def _nearest_name(field: Field, word: str) -> str | None:
    """The single name that a longer or mistyped word begins with or is an anagram of, if any."""
    lower = word.lower()
    near = [
        name
        for name in field.names
        if lower.startswith(name) or sorted(lower) == sorted(name) or lower == name[:2]
    ]
    return near[0] if len(near) == 1 and lower.isalpha() else None


def _not_a_range(field: Field, head: str, at: int) -> CronProblem:
    return CronProblem(
        code="JF301",
        message=f"`{head}` is not a range in the {field.name} field"
        if head
        else f"a range is missing before `/` in the {field.name} field",
        start=at,
        end=at + max(len(head), 1),
        label="expected `*` or `a-b`",
        help=("a range has two ends: `1-5`" if head else f"every third {field.name} is `*/3`",),
    )


def _backwards(field: Field, head: str, at: int, low: int, high: int, *, has_step: bool) -> CronProblem:
    first, _, second = head.partition("-")
    split = [_range_text(field, first, low, field.high), _range_text(field, second, high, field.low)]
    advice = f"for a range that wraps around, write `{','.join(split)}`"
    if has_step:
        advice = f"write two ranges, one up to {field.last} and one from {field.low}"
    if field is DAY_OF_WEEK and low == SUNDAY_AT_END:
        advice = f"Sunday at the start of a range is 0: `0-{second}`"
    return CronProblem(
        code="JF313",
        message=f"range `{head}` in the {field.name} field runs backwards",
        start=at,
        end=at + len(head),
        label=f"{second} comes before {first}",
        help=(advice,),
    )


def _range_text(field: Field, word: str, value: int, edge: int) -> str:
    """The range between a value and the start or end of the field, in the notation of the value."""
    if field is DAY_OF_WEEK and edge == field.low:
        edge = 1  # Sunday ends the first half
    if value == edge:
        return word
    name = str(edge) if word.isdigit() else field.names[(edge - field.low) % len(field.names)]
    return f"{word}-{name}" if edge > value else f"{name}-{word}"
