"""Binds the values of params, converts them from text where needed, and checks them."""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Final

from jobfile.diagnostics.suggest import did_you_mean, suggest
from jobfile.expressions.patterns import MAX_LENGTH, UnsupportedError, matches, size_of
from jobfile.model.dataclass import dataclass
from jobfile.model.jobs import ParamSpec, ParamType
from jobfile.model.regex import regex
from jobfile.model.values import Scalar, Value
from jobfile.schedule.duration import parse_duration

MAX_STRING_BYTES: Final = 32 * 1024
MAX_ALL_BYTES: Final = 128 * 1024
MAX_PATTERN: Final = 200
SHOWN: Final = 60
"""Maximum characters of a wrong value that a message quotes."""
MAX_LISTED: Final = 20
"""Maximum allowed values that a message lists."""

_INTEGER: Final = regex(r"-?(0|[1-9][0-9]{0,17})", re.ASCII)
_NUMBER: Final = regex(r"-?(0|[1-9][0-9]{0,300})(\.[0-9]{1,300})?([eE][+-]?[0-9]{1,3})?", re.ASCII)
_EMAIL: Final = regex(r"[^\s@\"<>()\[\],;:\\]+@[^\s@\"<>()\[\],;:\\.]+(\.[^\s@\"<>()\[\],;:\\.]+)+")
_URI: Final = regex(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s]+")


@dataclass(frozen=True, slots=True)
class ParamProblem:
    """A wrong or missing value of a param."""

    name: str
    message: str
    code: str = "JF504"


def bind_params(
    specs: Sequence[ParamSpec], given: Mapping[str, Value], *, from_text: bool
) -> tuple[dict[str, Value], tuple[ParamProblem, ...]]:
    """The values of a run's params, with defaults, and the problems with the given values.

    With `from_text`, values are converted to their type; otherwise they must have it.
    """
    bound: dict[str, Value] = {}
    problems: list[ParamProblem] = []
    known = {spec.name: spec for spec in specs}
    for name in given.keys() - known.keys():
        near = suggest(name, known)
        hint = did_you_mean(near) if near else f"known params: {', '.join(known) or 'none'}"
        problems.append(ParamProblem(name, f"no such param; {hint}", "JF503"))
    for spec in specs:
        if spec.name not in given:
            if spec.is_required:
                is_choice = spec.enum and spec.type is not ParamType.ARRAY
                wanted = f"one of {_listed(spec.enum)}" if is_choice else _type_words(spec, is_short=True)
                problems.append(ParamProblem(spec.name, f"{wanted} is required", "JF502"))
            elif spec.default is not None:
                bound[spec.name] = spec.default
            continue
        value = given[spec.name]
        converted = _from_text(spec, value) if from_text and isinstance(value, str) else value
        trouble = f"expected {_type_words(spec)}, found `{_shown(value)}`" if converted is None else None
        if converted is not None:
            trouble = check_value(spec, converted)
            bound[spec.name] = converted
        if trouble is not None:
            problems.append(ParamProblem(spec.name, trouble))
    if sum(len(str(value).encode("utf-8", "replace")) for value in bound.values()) > MAX_ALL_BYTES:
        problems.append(ParamProblem("", f"the params together are larger than {MAX_ALL_BYTES} bytes"))
    return bound, tuple(problems)


def check_value(spec: ParamSpec, value: Value) -> str | None:
    """What is wrong with a value, or None."""
    if spec.type is ParamType.ARRAY:
        return _check_list(spec, value)
    if isinstance(value, tuple) or not _has_type(spec.type, value):
        return f"expected {_type_words(spec)}, found `{_shown(value)}`"
    return _check_scalar(spec, value)


def check_pattern(pattern: str) -> str | None:
    """Why a pattern is not supported, or None. Refused: backreferences, lookaround, large patterns."""
    if len(pattern) > MAX_PATTERN:
        return f"longer than {MAX_PATTERN} characters"
    try:
        size_of(pattern)
    except UnsupportedError as error:
        return str(error)
    return None


def _check_list(spec: ParamSpec, value: Value) -> str | None:
    if not isinstance(value, tuple):
        return f"expected a list, found `{_shown(value)}`"
    if spec.max_items is not None and len(value) > spec.max_items:
        return f"{len(value)} items; at most {spec.max_items} are allowed"
    for item in value:
        if spec.item_type is not None and not _has_type(spec.item_type, item):
            return f"expected items of type {spec.item_type.value}, found `{_shown(item)}`"
        if spec.enum and item not in spec.enum:
            return f"`{_shown(item)}` is not one of {_listed(spec.enum)}"
        trouble = _check_text(item) if isinstance(item, str) else None
        if trouble is not None:
            return trouble
    return None


def _check_scalar(spec: ParamSpec, value: Scalar) -> str | None:
    if spec.enum and as_written(value) not in {as_written(one) for one in spec.enum}:
        return f"`{_shown(value)}` is not one of {_listed(spec.enum)}"
    if isinstance(value, str):
        return _check_text(value) or _check_string(spec, value)
    if isinstance(value, bool):
        return None
    return _check_number(spec, value)


def as_written(value: Scalar) -> str:
    """A scalar as written in a file: enum entries of any type are compared in this form."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _check_text(value: str) -> str | None:
    if "\0" in value or any("\ud800" <= sign <= "\udfff" for sign in value):
        return "has a character that cannot be passed to a process"
    if len(value.encode("utf-8")) > MAX_STRING_BYTES:
        return f"longer than {MAX_STRING_BYTES} bytes"
    return None


def _check_string(spec: ParamSpec, value: str) -> str | None:
    if spec.min_length is not None and len(value) < spec.min_length:
        return f"shorter than {spec.min_length} characters"
    if spec.max_length is not None and len(value) > spec.max_length:
        return f"longer than {spec.max_length} characters"
    if spec.pattern is not None:
        if len(value) > MAX_LENGTH:
            return f"longer than {MAX_LENGTH} characters, too long for a pattern"
        if not matches(spec.pattern, value):
            return f"`{_shown(value)}` does not match the pattern {spec.pattern}"
    if spec.format is not None and not _FORMATS[spec.format](value):
        return f"`{_shown(value)}` is not a {spec.format}"
    return None


def _check_number(spec: ParamSpec, value: float) -> str | None:
    bounds = (
        (spec.minimum, value >= (spec.minimum or 0), "at least"),
        (spec.maximum, value <= (spec.maximum or 0), "at most"),
        (spec.exclusive_minimum, value > (spec.exclusive_minimum or 0), "more than"),
        (spec.exclusive_maximum, value < (spec.exclusive_maximum or 0), "less than"),
    )
    for bound, is_kept, words in bounds:
        if bound is not None and not is_kept:
            return f"{_shown(value)} is out of range: {words} {as_written(bound)}"
    return None


def _has_type(kind: ParamType, value: Scalar) -> bool:
    match kind:
        case ParamType.STRING:
            return isinstance(value, str)
        case ParamType.BOOLEAN:
            return isinstance(value, bool)
        case ParamType.INTEGER:
            return isinstance(value, int) and not isinstance(value, bool)
        case ParamType.NUMBER:
            return isinstance(value, (int, float)) and not isinstance(value, bool)
        case ParamType.ARRAY:
            return False


def _from_text(spec: ParamSpec, text: str) -> Value | None:
    if spec.type is ParamType.ARRAY:
        items = (
            [_scalar(spec.item_type or ParamType.STRING, part) for part in text.split(",")] if text else []
        )
        return None if None in items else tuple(item for item in items if item is not None)
    return _scalar(spec.type, text)


def _scalar(kind: ParamType, text: str) -> Scalar | None:
    match kind:
        case ParamType.INTEGER:
            return int(text) if _INTEGER.fullmatch(text) else None
        case ParamType.NUMBER if _INTEGER.fullmatch(text):
            return int(text)
        case ParamType.NUMBER:
            return float(text) if _NUMBER.fullmatch(text) else None
        case ParamType.BOOLEAN:
            return {"true": True, "false": False}.get(text)
        case _:
            return text


def _type_words(spec: ParamSpec, *, is_short: bool = False) -> str:
    article = "an" if spec.type.value[0] in "aeiou" else "a"
    if is_short:
        return f"{article} {spec.type.value}"
    if spec.type is ParamType.BOOLEAN:
        return "a boolean (true or false)"
    if spec.type is ParamType.ARRAY and spec.item_type is not None:
        return f"a list of {spec.item_type.value}s, separated by commas"
    return f"{article} {spec.type.value}"


def _shown(value: object) -> str:
    text = as_written(value) if isinstance(value, (str, int, float, bool)) else "a list"
    return text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"


def _listed(values: Sequence[Scalar]) -> str:
    rest = f" and {len(values) - MAX_LISTED:,} more" if len(values) > MAX_LISTED else ""
    return ", ".join(f"`{_shown(value)}`" for value in values[:MAX_LISTED]) + rest


def _is_date(text: str) -> bool:
    try:
        return len(text) == 10 and date.fromisoformat(text) is not None
    except ValueError:
        return False


def _is_datetime(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False


_FORMATS: Final[Mapping[str, Callable[[str], bool]]] = {
    "date": _is_date,
    "date-time": _is_datetime,
    "email": lambda text: len(text) <= 254 and _EMAIL.fullmatch(text) is not None,
    "uri": lambda text: _URI.fullmatch(text) is not None,
    "duration": lambda text: parse_duration(text) is not None,
}
