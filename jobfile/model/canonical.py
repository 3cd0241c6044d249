"""Converts a compiled job to plain data and back; the data is hashed, stored in a generation and compared."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, Field, fields, is_dataclass
from datetime import date, datetime, timedelta
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Any, get_args, get_origin  # plain JSON data has no narrower type than Any

from jobfile.model.dataclass import dataclass
from jobfile.model.hashing import sha256
from jobfile.model.jobs import JobSpec, ScheduleEntry

Plain = dict[str, Any]
VERSION = 2
"""The version of the canonical text, and so of all digests. Since 2, a member of a union has its kind."""
_PLAIN = (str, int, float, bool, NoneType)
"""Classes of values that are plain data already."""
TAG = "kind"
"""The key that names which member of a union a map is."""


def to_plain(value: object) -> Any:  # noqa: ANN401  JSON data
    """Plain data for a value of the model: durations as seconds, dates as text, mappings with sorted keys.

    A field that is None or empty is omitted if that is its default. So a field added in a later version does
    not change the text of jobs that do not use it. A member of a union says which one it is, as `kind`.
    """
    if isinstance(value, (str, int, float)) or value is None:
        return value
    if isinstance(value, timedelta):
        seconds = value.total_seconds()
        return int(seconds) if seconds.is_integer() else seconds
    if isinstance(value, date):
        return value.isoformat()
    if is_dataclass(value):
        kind = _tag(value.__class__)
        found: Plain = {} if kind is None else {TAG: kind}
        for one in _fields(value.__class__):
            given = getattr(value, one.name)
            part = given if given.__class__ in _PLAIN else to_plain(given)
            if not (one.may_be_absent and one.is_empty(part)):
                found[one.name] = part
        return found
    if isinstance(value, Mapping):
        return {str(key): to_plain(value[key]) for key in sorted(value)}
    if isinstance(value, Sequence):
        return [to_plain(item) for item in value]
    raise AssertionError(f"{type(value).__name__} is not a value of the model")


def canonical_json(plain: object) -> str:
    """The one text for plain data: sorted keys, no spaces, ASCII."""
    return json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def digest(text: str) -> str:
    """The hash of a canonical text, 64 hexadecimal digits."""

    return sha256(text.encode()).hexdigest()


def spec_to_json(spec: JobSpec) -> str:
    """The canonical text of a job."""
    return canonical_json(to_plain(spec))


def spec_from_json(text: str) -> JobSpec:
    """The job with this canonical text."""
    spec = from_plain(JobSpec, json.loads(text))
    assert isinstance(spec, JobSpec)
    return spec


def schedule_from_plain(plain: Sequence[Plain]) -> tuple[ScheduleEntry, ...]:
    """The entries of a schedule from their plain form."""
    return tuple(from_plain(ScheduleEntry, entry) for entry in plain)


def from_plain(kind: Any, plain: Any) -> Any:  # noqa: ANN401  JSON data, and types as values
    """The value of a model type with this plain form."""
    if plain is None:
        return None
    if isinstance(kind, UnionType):
        return _one_of(kind, plain)
    if is_dataclass(kind):
        assert isinstance(kind, type)
        return kind(**{one.name: one.value_of(plain) for one in _fields(kind)})
    if get_origin(kind) is tuple:
        return _tuple_from(get_args(kind), plain)
    if get_origin(kind) is not None:
        return {name: from_plain(get_args(kind)[1], one) for name, one in plain.items()}
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind(plain)
    if kind is timedelta:
        return timedelta(seconds=plain)
    if kind in (date, datetime):
        return kind.fromisoformat(plain)
    return plain


def _tuple_from(parts: tuple[Any, ...], plain: Sequence[Any]) -> tuple[Any, ...]:
    kinds = [parts[0]] * len(plain) if parts[-1] is Ellipsis else parts
    return tuple(from_plain(kind, one) for kind, one in zip(kinds, plain, strict=True))


def _one_of(kind: UnionType, plain: Any) -> Any:  # noqa: ANN401  JSON data
    """A value of a union: a list is the tuple, a map the class that its `kind` names, or the only one."""
    classes = [part for part in _parts(kind) if is_dataclass(part)]
    if classes and isinstance(plain, dict):
        [member] = [part for part in classes if len(classes) == 1 or _tag(part) == plain[TAG]]
        return from_plain(member, plain)
    for part in _parts(kind):
        if isinstance(plain, list) and get_origin(part) is tuple:
            return from_plain(part, plain)
    scalars = [part for part in _parts(kind) if not is_dataclass(part) and get_origin(part) is None]
    return from_plain(scalars[0], plain) if len(scalars) == 1 else plain


@cache
def _parts(kind: UnionType) -> tuple[Any, ...]:
    return tuple(part for part in get_args(kind) if part is not NoneType)


def _tag(kind: object) -> str | None:
    return getattr(kind, "KIND", None)


@dataclass(frozen=True, slots=True)
class _Field:
    """A field of a class, and whether its empty value can be omitted without ambiguity."""

    name: str
    kind: Any
    may_be_absent: bool
    """Whether the field is left out when its value is None or empty."""
    is_kept_empty: bool
    """Whether its empty value is an ordinary one, because None is the missing one."""
    default: Callable[[], Any]

    def is_empty(self, part: object) -> bool:
        """Whether plain data is the field's empty value: None if the field can be None, else an empty one."""
        return part is None or (not part and not self.is_kept_empty and isinstance(part, (str, list, dict)))

    def value_of(self, plain: Plain) -> Any:  # noqa: ANN401  JSON data
        found = plain.get(self.name)
        if found is not None:
            return found if self.kind in (str, int, bool) else from_plain(self.kind, found)
        return _nothing(self.kind) if self.may_be_absent else self.default()


@cache
def _fields(kind: Any) -> tuple[_Field, ...]:  # noqa: ANN401  a class as a value
    return tuple(
        _Field(one.name, one.type, _may_be_absent(one), _has_none(one.type), _default_of(one))
        for one in fields(kind)
    )


def _default_of(one: "Field[Any]") -> Callable[[], Any]:
    if one.default_factory is not MISSING:
        return one.default_factory
    return lambda: one.default


@cache
def _nothing(kind: Any) -> Any:  # noqa: ANN401  a type as a value
    """The value of a field that is missing: None if allowed, else the empty value."""
    if _has_none(kind):
        return None
    if is_dataclass(kind):
        assert isinstance(kind, type)
        return kind()
    return "" if kind is str else () if get_origin(kind) is tuple else {}


def _has_none(kind: object) -> bool:
    """Whether None is the missing value, so that an empty value is an ordinary value."""
    return kind is object or isinstance(kind, UnionType)


def _may_be_absent(one: "Field[Any]") -> bool:
    """Whether a field can be omitted: its missing value differs from every other value."""
    has_default = one.default is not MISSING or one.default_factory is not MISSING
    kind = one.type
    can_be_empty = kind in (str, object) or get_origin(kind) is not None or is_dataclass(kind)
    return has_default and (can_be_empty or (isinstance(kind, UnionType) and NoneType in get_args(kind)))
