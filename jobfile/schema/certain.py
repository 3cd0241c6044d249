"""Finds that a small document is valid without loading a validator, which takes longer than all else that is
done with it.

It says yes only if it is certain: it knows each keyword that it meets, and no text or number is one that the
regular expressions or numbers of another language may treat differently. Otherwise jsonschema-rs decides.
"""

import re
from collections.abc import Callable, Mapping, Sized
from functools import cache
from types import NoneType
from typing import Any, Final

Schema = Mapping[str, Any]

_WITHOUT_EFFECT: Final = frozenset(
    (
        *("$schema", "$id", "title", "description", "markdownDescription", "default", "examples"),
        *("patternErrorMessage", "enumDescriptions", "defaultSnippets", "definitions"),
    )
)
"""Keywords that only editors read, and the definitions, which are used by their names."""
_OF_VALUES: Final = frozenset(("properties", "patternProperties", "additionalProperties"))
"""Keywords for the values of a map, which belong together."""
_TYPES: Final[Mapping[type, tuple[str, ...]]] = {
    str: ("string",),
    bool: ("boolean",),
    int: ("integer", "number"),
    float: ("number",),
    NoneType: ("null",),
    dict: ("object",),
    list: ("array",),
}
_LARGEST: Final = 2**53
"""Up to here each language represents an integer exactly."""


def is_certainly_valid(value: object, schema: Schema) -> bool:
    """Whether a value is valid; False also if that is not certain."""
    return _fits(value, schema, schema)


def _fits(value: object, part: Schema | bool, whole: Schema) -> bool:
    if isinstance(part, bool):
        return part
    if "$ref" in part:  # what is beside it has no effect
        return _fits(value, _named(part["$ref"], whole), whole)
    if not all(
        word in _WITHOUT_EFFECT
        or word in _OF_VALUES
        or (word in _CHECKS and _CHECKS[word](given, value, whole))
        for word, given in part.items()
    ):
        return False
    return not isinstance(value, dict) or all(_has_good_value(name, value, part, whole) for name in value)


def _named(reference: str, whole: Schema) -> Schema:
    found = whole
    for name in reference.split("/")[1:]:
        found = found[name]
    return found


def _has_good_value(name: str, value: Mapping[str, object], part: Schema, whole: Schema) -> bool:
    own, patterns = part.get("properties", {}), part.get("patternProperties", {})
    if patterns and not _is_plain(name):
        return False
    parts = [own[name]] if name in own else []
    parts += [one for pattern, one in patterns.items() if _compiled(pattern).search(name)]
    return all(_fits(value[name], one, whole) for one in parts or [part.get("additionalProperties", True)])


def _is_plain(text: str) -> bool:
    """Whether expressions of all languages read a text alike: Python's `$` also matches before a line end."""
    return text.isascii() and "\n" not in text


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


def _is_one_of(given: list[object], value: object, _: Schema) -> bool:
    return isinstance(value, (str, int)) and any(type(one) is type(value) and one == value for one in given)


def _matches(given: str, value: object, _: Schema) -> bool:
    if not isinstance(value, str):
        return True
    return _is_plain(value) and _compiled(given).search(value) is not None


def _has_type(given: str | list[str], value: object, _: Schema) -> bool:
    wanted = [given] if isinstance(given, str) else given
    return any(one in wanted for one in _TYPES.get(type(value), ()))


def _number(is_kept: Callable[[float, float], bool]) -> Callable[[float, object, Schema], bool]:
    def check(given: float, value: object, _: Schema) -> bool:
        if not isinstance(value, (int, float)) or isinstance(value, bool):
            return True
        return abs(value) <= _LARGEST and is_kept(given, value)

    return check


def _size(kind: type[Sized], is_kept: Callable[[int, int], bool]) -> Callable[[int, object, Schema], bool]:
    def check(given: int, value: object, _: Schema) -> bool:
        return not isinstance(value, kind) or is_kept(given, len(value))

    return check


_CHECKS: Final[Mapping[str, Callable[[Any, Any, Schema], bool]]] = {
    "type": _has_type,
    "enum": _is_one_of,
    "const": lambda given, value, whole: _is_one_of([given], value, whole),
    "pattern": _matches,
    "minLength": _size(str, lambda least, size: least <= size),
    "maxLength": _size(str, lambda most, size: size <= most),
    "minimum": _number(lambda least, value: least <= value),
    "maximum": _number(lambda most, value: value <= most),
    "minItems": _size(list, lambda least, size: least <= size),
    "minProperties": _size(dict, lambda least, size: least <= size),
    "required": lambda given, value, _: not isinstance(value, dict) or value.keys() >= set(given),
    "propertyNames": lambda given, value, whole: (
        not isinstance(value, dict) or all(_fits(name, given, whole) for name in value)
    ),
    "items": lambda given, value, whole: (
        not isinstance(value, list) or all(_fits(one, given, whole) for one in value)
    ),
    "allOf": lambda given, value, whole: all(_fits(value, one, whole) for one in given),
    "anyOf": lambda given, value, whole: any(_fits(value, one, whole) for one in given),
}
"""By keyword, a test whether a value keeps it: of what the schema says there, the value, the whole schema."""
