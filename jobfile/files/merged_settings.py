"""What holds for a job after defaults are merged in, each value with the place it comes from."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any  # values of a document are not typed yet

from jobfile.diagnostics.diagnostic import DocumentPath
from jobfile.syntax.document import Document

MERGED_BY_NAME = ("env", "secrets")
"""Keys whose entries merge one by one; every other key replaces the whole value below it."""


@dataclass(frozen=True, slots=True, eq=False)
class Setting:
    """A value with its path and the document it stands in."""

    value: Any
    path: DocumentPath
    document: Document

    @property
    def text(self) -> str:
        """A scalar as it is written."""
        return self.document.text(self.path)

    def is_below(self, path: DocumentPath) -> bool:
        """Whether it stands in the map at a path of its document."""
        return self.path[: len(path)] == path

    def part(self, key: str | int) -> "Setting | None":
        """One value of a map or list; None when it is not there or nothing."""
        if isinstance(self.value, Mapping):
            value = self.value.get(key)
        else:
            value = self.value[key] if isinstance(self.value, list) and isinstance(key, int) else None
        return None if value is None else Setting(value, (*self.path, key), self.document)

    def parts(self) -> "Iterator[Setting]":
        """The values of a map or list, one after the other."""
        if isinstance(self.value, Mapping):
            for key, value in self.value.items():
                yield Setting(value, (*self.path, key), self.document)
        elif isinstance(self.value, list):
            for index, value in enumerate(self.value):
                yield Setting(value, (*self.path, index), self.document)

    def entries(self) -> "Iterator[Setting]":
        """The values of a list, or the value itself where one may stand for a list of one."""
        if isinstance(self.value, list):
            yield from self.parts()
        else:
            yield self

    def texts(self) -> Iterator["Setting"]:
        """Every text in the value, however deep."""
        if isinstance(self.value, str):
            yield self
        else:
            for part in self.parts():
                yield from part.texts()


def any_text(value: object, test: Callable[[str], bool]) -> bool:
    """Whether any text in a value passes a test: known without making a setting for each part."""
    if isinstance(value, str):
        return test(value)
    if isinstance(value, dict):
        return any(any_text(part, test) for part in value.values())
    return isinstance(value, list) and any(any_text(part, test) for part in value)


Settings = Mapping[str, Setting]
Layer = tuple[Document, DocumentPath]
"""A map of settings, by its place; a later layer lies above an earlier one."""


def merged(layers: Iterable[Layer]) -> dict[str, Setting]:
    """The keys that hold: each replaces the one below it, and `null` removes it."""
    found: dict[str, Setting] = {}
    for document, path in layers:
        for key, value in map_at(document, path).items():
            found[key] = Setting(value, (*path, key), document)
    return {key: setting for key, setting in found.items() if setting.value is not None}


def merged_by_name(layers: Iterable[Layer], key: str) -> dict[str, Setting]:
    """The entries of `env` or `secrets` that hold, merged by name; a `null` for all of them removes all."""
    found: dict[str, Setting] = {}
    for document, path in layers:
        holder = map_at(document, path)
        if key not in holder:
            continue
        entries = holder[key]
        if entries is None:
            found.clear()
        elif isinstance(entries, Mapping):
            found |= {name: Setting(value, (*path, key, name), document) for name, value in entries.items()}
    return {name: setting for name, setting in found.items() if setting.value is not None}


def map_at(document: Document, path: DocumentPath) -> Mapping[str, Any]:
    """The map at a path; an empty one when there is none."""
    here: Any = document.tree
    for step in path:
        here = here.get(step) if isinstance(here, Mapping) else None
    return here if isinstance(here, Mapping) else {}
