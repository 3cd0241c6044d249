"""The filters of expressions: a fixed list, each with its input and output types."""

import json
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final  # values are checked before they get here

from jobfile.model.dataclass import dataclass

MAX_TEXT: Final = 64 * 1024
MAX_ITEMS: Final = 10_000
MAX_DAYS: Final = 36_600


class EvaluationError(Exception):
    """A checked expression that has no value; the message never contains a value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """One filter. `gives` is a kind, or one of: same, item, default, list of string."""

    accepts: tuple[str, ...]
    gives: str
    apply: Callable[..., object]
    least: int = 0
    most: int = 0

    @property
    def takes(self) -> str:
        """The number of arguments, in words."""
        few = str(self.least) if self.least == self.most else f"{self.least} to {self.most}"
        return "no argument" if self.most == 0 else f"{few} argument{'s' if self.most > 1 else ''}"


def as_text(value: object) -> str:
    """A value as text: true and false, ISO 8601 with offset, numbers without an exponent."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value)


def _number(value: float) -> str:
    if value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    text = repr(value)
    return text if "e" not in text else f"{value:f}".rstrip("0").rstrip(".")


def _guarded(function: Callable[..., object], name: str) -> Callable[..., object]:
    def apply(*values: Any) -> object:  # noqa: ANN401  checked before
        try:
            result = function(*values)
        except (ValueError, TypeError, OverflowError, IndexError, AttributeError, KeyError) as error:
            raise EvaluationError(f"filter `{name}` does not work with this value") from error
        if isinstance(result, str) and len(result) > MAX_TEXT:
            raise EvaluationError(f"the result of filter `{name}` is longer than {MAX_TEXT} characters")
        if isinstance(result, tuple) and len(result) > MAX_ITEMS:
            raise EvaluationError(f"the result of filter `{name}` has more than {MAX_ITEMS} items")
        return result

    return apply


def _replace(text: str, old: str, new: str) -> str:
    if len(text) + text.count(old) * max(0, len(new) - len(old)) > MAX_TEXT:
        raise EvaluationError(f"the result of filter `replace` is longer than {MAX_TEXT} characters")
    return text.replace(old, new)


def _join(items: Sequence[object], separator: str = "") -> str:
    if len(items) * len(separator) > MAX_TEXT:
        raise EvaluationError(f"the result of filter `join` is longer than {MAX_TEXT} characters")
    return separator.join(as_text(item) for item in items)


def _add_days(at: datetime, days: int) -> datetime:
    if abs(days) > MAX_DAYS:
        raise EvaluationError(f"filter `add_days` takes at most {MAX_DAYS} days")
    return at + timedelta(days=days)


def _in_zone(at: datetime, name: str) -> datetime:
    from jobfile.schedule.zones import load_zone  # noqa: PLC0415  start-up time: rarely used

    zone = load_zone(name)
    if zone is None:
        raise EvaluationError("filter `in_zone`: unknown time zone")
    return at.astimezone(zone)


def _int(value: object) -> int:
    number = int(value.strip()) if isinstance(value, str) else int(value)  # type: ignore[call-overload]  # checked
    if abs(number) >= 2**63:
        raise EvaluationError("the number does not fit in 64 bits")
    return int(number)


def _split(text: str, separator: str | None = None) -> tuple[str, ...]:
    return tuple(text.split(separator))


_TEXT: Final = ("string",)
_NUMERIC: Final = ("integer", "number")
_SCALAR: Final = ("string", "integer", "number", "boolean", "datetime")
_LIST: Final = ("list",)

_TABLE: Final[tuple[tuple[str, tuple[str, ...], str, Callable[..., object], int, int], ...]] = (
    ("default", (*_SCALAR, "list", "null"), "default", lambda v, other: other if v is None else v, 1, 1),
    ("lower", _TEXT, "string", lambda v: v.lower(), 0, 0),
    ("upper", _TEXT, "string", lambda v: v.upper(), 0, 0),
    ("trim", _TEXT, "string", lambda v: v.strip(), 0, 0),
    ("replace", _TEXT, "string", _replace, 2, 2),
    ("length", (*_TEXT, *_LIST), "integer", len, 0, 0),
    ("join", _LIST, "string", _join, 0, 1),
    ("first", (*_TEXT, *_LIST), "item", lambda v: v[0], 0, 0),
    ("last", (*_TEXT, *_LIST), "item", lambda v: v[-1], 0, 0),
    ("sort", _LIST, "same", lambda v: tuple(sorted(v)), 0, 0),
    ("unique", _LIST, "same", lambda v: tuple(dict.fromkeys(v)), 0, 0),
    ("round", _NUMERIC, "number", lambda v, digits=0: round(v, min(max(digits, 0), 12)), 0, 1),
    ("abs", _NUMERIC, "same", abs, 0, 0),
    ("float", (*_TEXT, *_NUMERIC), "number", float, 0, 0),
    ("int", (*_TEXT, *_NUMERIC), "integer", _int, 0, 0),
    ("string", _SCALAR, "string", as_text, 0, 0),
    ("tojson", (*_SCALAR, "list", "null"), "string", lambda v: json.dumps(v, default=as_text), 0, 0),
    ("date", ("datetime",), "string", lambda v, form: v.strftime(form), 1, 1),
    ("add_days", ("datetime",), "datetime", _add_days, 1, 1),
    ("in_zone", ("datetime",), "datetime", _in_zone, 1, 1),
    ("split", _TEXT, "list of string", _split, 0, 1),
    ("startswith", _TEXT, "boolean", lambda v, part: v.startswith(part), 1, 1),
    ("endswith", _TEXT, "boolean", lambda v, part: v.endswith(part), 1, 1),
    ("basename", _TEXT, "string", lambda v: v.rstrip("/").rpartition("/")[2], 0, 0),
    ("dirname", _TEXT, "string", lambda v: v.rstrip("/").rpartition("/")[0] or ".", 0, 0),
    ("stem", _TEXT, "string", lambda v: _stem(v), 0, 0),
)


def _stem(path: str) -> str:
    name = path.rstrip("/").rpartition("/")[2]
    head, dot, _ = name.rpartition(".")
    return head if dot and head else name


FILTERS: Final = {
    name: Filter(accepts=accepts, gives=gives, apply=_guarded(apply, name), least=least, most=most)
    for name, accepts, gives, apply, least, most in _TABLE
}
