"""The pages of `jobfile explain`: one Markdown file for each code, and the keys of each kind of map.

A page has a bad example, its message, the good form, and the reason. A test runs the examples.
"""

import json
import pkgutil
from typing import Any  # a JSON Schema

from jobfile.schema.validator import schema_text

__all__ = ["KINDS", "keys_text", "page_text"]

KINDS = {
    "file": "",
    **{
        kind: kind
        for kind in (
            *("job", "defaults", "step", "schedule", "trigger", "webhook", "files", "after"),
            *("param", "retry", "concurrency", "catchup", "limits", "expect", "http", "calendar", "channel"),
        )
    },
    "queue": "pool",
}
"""The maps whose keys `jobfile explain keys KIND` lists, with their names in the schema."""


def page_text(code: str) -> str | None:
    """The page of a code as Markdown; None if there is none."""
    try:
        data = pkgutil.get_data("jobfile.pages", f"{code}.md")
    except FileNotFoundError:
        return None
    return None if data is None else data.decode()


def keys_text(kind: str) -> str:
    """The keys of a kind of map, each with its meaning."""
    schema = json.loads(schema_text())
    part = schema["definitions"][KINDS[kind]] if KINDS[kind] else schema
    rows = [(key, _about(schema, key, about)) for key, about in part["properties"].items()]
    column = max(len(key) for key, _ in rows)
    return "\n".join(f"{key:<{column}}  {about}" for key, about in rows)


def _about(schema: dict[str, Any], key: str, about: dict[str, Any]) -> str:
    """The meaning of a key; a key shared by several kinds is described in one of them."""
    if "$ref" in about:
        about = schema["definitions"]["job"]["properties"][key]
    return str(about.get("description", ""))
