"""JSON data as YAML, for tools that read both: each text that YAML could read otherwise is quoted."""

import json
from collections.abc import Mapping, Sequence
from typing import Final

from jobfile.model.regex import regex

INDENT: Final = "  "
_PLAIN: Final = regex(r"[A-Za-z/][A-Za-z0-9_./-]*(?:=[A-Za-z0-9_./-]*)?")
_WORDS: Final = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})
"""Plain words that YAML 1.1 or 1.2 does not read as texts."""


def to_yaml(value: Mapping[str, object]) -> str:
    """A map of JSON data as a YAML document."""
    return "".join(f"{line}\n" for line in _map_lines(value))


def _map_lines(value: Mapping[str, object]) -> list[str]:
    lines: list[str] = []
    for key, inner in value.items():
        lines += _entry(f"{_scalar(key)}:", inner)
    return lines


def _entry(key: str, value: object) -> list[str]:
    if isinstance(value, Mapping) and value:
        return [key, *(f"{INDENT}{line}" for line in _map_lines(value))]
    if isinstance(value, Sequence) and not isinstance(value, str) and value:
        return [key, *(f"{INDENT}{line}" for line in _list_lines(value))]
    return [f"{key} {_scalar(value)}"]


def _list_lines(value: Sequence[object]) -> list[str]:
    lines: list[str] = []
    for inner in value:
        if isinstance(inner, Mapping) and inner:
            first, *rest = _map_lines(inner)
            lines += [f"- {first}", *(f"{INDENT}{line}" for line in rest)]
        elif isinstance(inner, Sequence) and not isinstance(inner, str) and inner:
            lines += [f"-{INDENT[1:]}{json.dumps(inner)}"]
        else:
            lines.append(f"- {_scalar(inner)}")
    return lines


def _scalar(value: object) -> str:
    """A scalar, or an empty map or list; JSON is YAML."""
    if isinstance(value, str) and _PLAIN.fullmatch(value) and value.lower() not in _WORDS:
        return value
    return json.dumps(value)
