"""Keeps the answers of tools small, and says what was left out; the JSON Schemas of such answers."""

import copy
import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from engine.core.errors import JobfileError

MAX_BYTES: Final = 64 * 1024
"""Maximum size of an answer as JSON text: what an agent can read in one piece."""
LONG_TEXT: Final = 2_000
"""Of an answer that is too large, texts are first cut to this many characters."""
_SLACK: Final = 512
"""Room for the words about what was left out."""

Path = tuple[str, ...]


class TooLargeError(JobfileError):
    """An answer is too large, and has no list that could be cut."""


def bounded(answer: Mapping[str, object], *, narrow: str) -> dict[str, object]:
    """The answer, cut to MAX_BYTES if it is larger: long texts first, then the ends of the longest lists.

    `left_out` says what was cut, and adds `narrow`, which names the arguments for a smaller answer.
    """
    if _size(answer) <= MAX_BYTES:
        return dict(answer)
    plain = copy.deepcopy(dict(answer))
    cut = _cut_texts(plain)
    counts: dict[Path, int] = {}
    while (over := _size(plain) - MAX_BYTES + _SLACK) > 0:
        path, longest = max(_lists(plain), key=lambda found: _size(found[1]), default=((), []))
        if not longest:
            raise TooLargeError(f"the answer is larger than {MAX_BYTES:,} bytes; narrow it with {narrow}")
        counts[path] = counts.get(path, 0) + _shorten(longest, over)
    parts = [f"{count:,} more in `{'.'.join(path)}`" for path, count in counts.items()]
    parts += [f"the end of {cut:,} long texts"] if cut else []
    plain["left_out"] = f"{'; '.join(parts)}; narrow with {narrow}"
    return plain


def _size(value: object) -> int:
    return len(json.dumps(value, separators=(",", ":")))


def _cut_texts(value: Any) -> int:  # noqa: ANN401  JSON data
    """Cut the long texts inside of JSON data; return how many there were."""
    if not isinstance(value, dict | list):
        return 0
    found = 0
    for at, inner in list(value.items() if isinstance(value, dict) else enumerate(value)):
        if isinstance(inner, str) and len(inner) > LONG_TEXT:
            value[at] = f"{inner[:LONG_TEXT]}…"
            found += 1
        else:
            found += _cut_texts(inner)
    return found


def _lists(value: Any, path: Path = ()) -> Iterator[tuple[Path, list[object]]]:  # noqa: ANN401  JSON data
    """The lists inside of JSON data that can be cut, each with the keys that lead to it."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _lists(inner, (*path, str(key)))
    elif isinstance(value, list):
        if len(value) > 1 and not isinstance(value[0], int | float):
            yield path, value
        for inner in value:
            yield from _lists(inner, path)


def _shorten(longest: list[object], over: int) -> int:
    """Remove entries from the end until at least `over` bytes are gone, or one is left; return how many."""
    removed = 0
    while over > 0 and len(longest) > 1:
        over -= _size(longest.pop()) + 1
        removed += 1
    return removed


def answer_schema(text: str, *others: str) -> dict[str, object]:
    """The JSON Schema of an answer, from that of a command; with others, of one of several.

    The protocol needs an object at the root. `left_out` and `notes` are added to each form of the answer.
    """
    if others:
        forms = [answer_schema(one) for one in (text, *others)]
        return {"type": "object", "anyOf": forms}
    schema: dict[str, Any] = json.loads(text)
    for name in ("$id", "$schema", "title"):
        schema.pop(name, None)
    for form in _forms(schema, schema):
        form.setdefault("properties", {})
        form["properties"] |= {
            "left_out": {
                "type": "string",
                "description": "What was left out, and how to narrow the question.",
            },
            "notes": {"type": "array", "items": {"type": "string"}, "description": "Said beside the answer."},
        }
    return {**schema, "type": "object"}


def _forms(form: dict[str, Any], root: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The parts of a schema that list the keys of an answer."""
    if reference := form.get("$ref"):
        *_, kind, name = reference.split("/")
        yield from _forms(root[kind][name], root)
        return
    if "properties" in form:
        yield form
    for one in form.get("anyOf", ()):
        yield from _forms(one, root)
