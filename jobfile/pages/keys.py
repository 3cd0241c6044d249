"""The keys of a job file, as the schema describes them: type, default, values and an example of each."""

import json
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Final, TypeAlias  # Any: a JSON Schema

from jobfile.model.namedtuple import NamedTuple
from jobfile.schedule.duration import parse_duration
from jobfile.schema.validator import schema_text

KINDS: Final[Mapping[str, str]] = {
    "file": "",
    **{
        kind: kind
        for kind in (
            *("job", "defaults", "step", "schedule", "trigger", "webhook", "files", "after"),
            *("param", "items", "retry", "concurrency", "catchup", "limits", "container", "env_file"),
            *("expect", "made", "http"),
            *("calendar", "channel", "quiet", "digest"),
        )
    },
    "queue": "pool",
}
"""The maps whose keys `jobfile explain keys KIND` lists, with their names in the schema."""

_Schema: TypeAlias = Mapping[str, Any]
_SCALARS: Final = {"string", "number", "boolean"}
_TYPES: Final = {"string": "text", "number": "number", "boolean": "true or false"}


class Key(NamedTuple):
    """One key of a kind of map."""

    name: str
    means: str
    type: str
    """The form of its value in words."""
    default: str
    """As in a file; empty if the key has no value unless it is written."""
    values: tuple[tuple[str, str], ...]
    """The words that it may be, each with its meaning, which may be empty."""
    example: str
    """A line of a file."""
    is_required: bool
    more: str
    """The command that explains more."""


def keys_of(kind: str) -> tuple[Key, ...]:
    """The keys of a kind of map, in the order of the schema."""
    part = _schema()["definitions"][KINDS[kind]] if KINDS[kind] else _schema()
    needed = part.get("required", ())
    keys = [_key(name, about, is_required=name in needed) for name, about in part["properties"].items()]
    patterns = part.get("patternProperties", {})
    free = [_key(f"{one.removeprefix('^')}…", about, is_required=False) for one, about in patterns.items()]
    return (*keys, *free)


@cache
def _schema() -> _Schema:
    schema: _Schema = json.loads(schema_text())
    return schema


def _key(name: str, about: _Schema, *, is_required: bool) -> Key:
    about = _resolved(about)
    means, example, more = str(about["markdownDescription"]).split("\n\n")
    return Key(
        name=name,
        means=means,
        type=_type(about),
        default=_as_written(about["default"]) if "default" in about else "",
        values=tuple(dict(_values(about)).items()),
        example=example.strip("`"),
        is_required=is_required,
        more=f"jobfile {more.strip('`')}",
    )


def _resolved(about: _Schema) -> _Schema:
    """A schema behind a reference to a key of a job."""
    _, _, path = str(about.get("$ref", "")).partition("#/definitions/job/properties/")
    return _schema()["definitions"]["job"]["properties"][path] if path else about


def _type(about: _Schema) -> str:
    """The form of a value in words."""
    about = _resolved(about)
    if "$ref" in about:
        name = about["$ref"].rsplit("/", 1)[-1]
        kind = next((kind for kind, found in KINDS.items() if found == name), "")
        return f"map (keys {kind})" if kind else _type(_schema()["definitions"][name])
    for joint in ("anyOf", "allOf"):
        if joint in about:
            return " or ".join(dict.fromkeys(map(_type, about[joint])))
    if "const" in about:
        return _as_written(about["const"])
    if "type" not in about:
        return "anything"
    types = about["type"] if isinstance(about["type"], list) else [about["type"]]
    forms = [_of_type(one, about, types) for one in types]
    return " or ".join(dict.fromkeys(filter(None, forms)))


def _of_type(type_: str, about: _Schema, types: list[str]) -> str:
    """One of the types of a value. A text may be written as a number or a boolean, so these are not named."""
    match type_:
        case "string" if "enum" in about:
            return "one word"
        case "string" if _is_duration(about):
            return "duration"
        case "number" | "boolean" if {*types} >= _SCALARS:
            return ""
        case "integer" | "number":
            return type_ + _range(about)
        case "array":
            return f"list of {_inner(about['items'])}" if "items" in about else "list"
        case "object":
            inner = about.get("additionalProperties")
            return f"map from names to {_inner(inner)}" if isinstance(inner, dict) else "map"
        case _:
            return _TYPES.get(type_, type_)


def _is_duration(about: _Schema) -> bool:
    _, example, _ = str(about.get("markdownDescription", "\n\n\n\n")).split("\n\n")
    return parse_duration(example.strip("`").partition(": ")[2]) is not None


def _inner(about: _Schema) -> str:
    """The form of what a list or a map holds."""
    found = _type(about).replace("one word", "words")
    return f"({found})" if " or " in found else found


def _range(about: _Schema) -> str:
    low, high = about.get("minimum"), about.get("maximum")
    if low is not None and high is not None:
        return f" from {low} to {high}"
    return f", at least {low}" if low is not None else f", at most {high}" if high is not None else ""


def _values(about: _Schema) -> Iterator[tuple[str, str]]:
    """The words that a value, an item of a list or a name in a map may be."""
    if "enum" in about:
        meanings = about.get("enumDescriptions", [""] * len(about["enum"]))
        yield from zip(map(str, about["enum"]), meanings, strict=True)
    for inner in (*about.get("anyOf", ()), about.get("items"), about.get("propertyNames")):
        if inner and "$ref" not in inner:
            yield from _values(inner)


def _as_written(value: object) -> str:
    """A default as a user writes it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return f"[{', '.join(map(_as_written, value))}]"
    text = str(value)
    return text if text[:1].isalnum() or text[:1] == "-" else json.dumps(text)
