"""Completions at a cursor: keys, allowed values, names, zones, expressions."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from jobfile.diagnostics.diagnostic import DocumentPath
from jobfile.editor.cursor import Cursor
from jobfile.editor.names import named_kind, names_of, scope_at
from jobfile.expressions.filters import FILTERS
from jobfile.files.fileset import FileSet
from jobfile.files.merged_settings import map_at
from jobfile.schema.forms import JOB_FILE
from jobfile.schema.validator import schema_text
from jobfile.syntax.document import Document


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """One completion; `text` is inserted, `about` describes it in Markdown."""

    label: str
    text: str
    about: str = ""
    is_key: bool = False


@cache
def _schema() -> dict[str, Any]:
    found = json.loads(schema_text())
    assert isinstance(found, dict)
    return found


def keys_of(kind: str) -> dict[str, dict[str, Any]]:
    """The keys of a kind of map, with their schemas."""
    schema = _schema()
    part = schema if kind == "file" else schema["definitions"][kind]
    job = schema["definitions"]["job"]["properties"]
    return {key: job[key] if "$ref" in about else about for key, about in part["properties"].items()}


def about_key(path: DocumentPath) -> str:
    """The meaning of the key at a path, in Markdown; empty for a name chosen by the author."""
    if not path or not isinstance(path[-1], str):
        return ""
    kind = JOB_FILE.kind_of(path[:-1])
    if not _is_map_of(path[:-1], kind):
        return ""
    return _hover(keys_of(kind).get(path[-1], {}))


def _hover(about: Mapping[str, Any]) -> str:
    """The hover of a key: its meaning, an example, and the command with its page, short in the schema."""
    return str(about.get("markdownDescription", "")).replace("\n\n`explain ", "\n\n`jobfile explain ")


def _is_map_of(path: DocumentPath, kind: str) -> bool:
    """Whether a path leads to a map of this kind itself, not to something deeper in it."""
    while path and isinstance(path[-1], int):
        path = path[:-1]
    return kind in ("file", *_schema()["definitions"]) and JOB_FILE.nearest_map(path) == path


def complete(files: FileSet | None, document: Document | None, cursor: Cursor) -> list[Proposal]:
    """The completions at a cursor; if no files could be read, only those of the language itself."""
    if cursor.template is not None:
        return _in_template(files, cursor)
    kind = named_kind(cursor.path)
    if kind is not None and (cursor.is_value or cursor.is_item):
        if files is None:
            return []
        names = names_of(files, kind, cursor.path)
        return [Proposal(label=name, text=name) for name in names]
    if cursor.is_value:
        return _values(cursor.path)
    return _keys(document, cursor.path)


def _keys(document: Document | None, path: DocumentPath) -> list[Proposal]:
    if not _is_map_of(path, JOB_FILE.kind_of(path)):
        return []
    present = {*map_at(document, path), *document.lost_names(path)} if document is not None else set()
    known = keys_of(JOB_FILE.kind_of(path))
    return [
        Proposal(label=key, text=f"{key}: ", about=_hover(about), is_key=True)
        for key, about in known.items()
        if key not in present
    ]


def _values(path: DocumentPath) -> list[Proposal]:
    """The allowed values, or true and false."""
    words = [step for step in path if isinstance(step, str)]
    if not words:
        return []
    about = keys_of(JOB_FILE.kind_of(path[: path.index(words[-1])])).get(words[-1], {})
    branches = [about, about.get("items", {}), *about.get("anyOf", ())]
    found = []
    for branch in branches:
        meanings = branch.get("enumDescriptions", ())
        for index, word in enumerate(branch.get("enum", ())):
            meaning = meanings[index] if index < len(meanings) else ""
            found.append(Proposal(label=str(word), text=str(word), about=meaning))
    if about.get("type") == "boolean":
        found += [Proposal(label=word, text=word) for word in ("true", "false")]
    return found


def _in_template(files: FileSet | None, cursor: Cursor) -> list[Proposal]:
    before = (cursor.template or "")[: len(cursor.template or "") - len(cursor.word)].rstrip()
    if before.endswith("|"):
        return [Proposal(label=name, text=name) for name in FILTERS]
    scope = scope_at(files, cursor.path) if files is not None else None
    if scope is None:
        return []
    names = {**scope.names, **{name: one for own in scope.by_trigger.values() for name, one in own.items()}}
    return [
        Proposal(label=name, text=name, about=str(one.kind))
        for name, one in sorted(names.items())
        if not name.endswith(".*")
    ]
