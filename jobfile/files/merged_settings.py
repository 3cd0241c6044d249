"""The settings in force for a job after defaults are merged in, each with its place in a file."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any  # values of a document are not typed yet

from jobfile.diagnostics.diagnostic import DocumentPath
from jobfile.model.dataclass import dataclass
from jobfile.syntax.document import Document

MERGED_BY_NAME = ("env", "secrets")
"""Keys whose entries merge one by one; every other key replaces the whole value from a lower layer."""


@dataclass(frozen=True, slots=True, eq=False)
class Setting:
    """A value with its path and its document."""

    value: Any
    path: DocumentPath
    document: Document

    @property
    def text(self) -> str:
        """A scalar as written."""
        return self.value if isinstance(self.value, str) else self.document.text(self.path)

    def is_below(self, path: DocumentPath) -> bool:
        """Whether it is inside the map at a path of its document."""
        return self.path[: len(path)] == path

    def part(self, key: str | int) -> "Setting | None":
        """One value of a map or list; None if it is missing or null."""
        if isinstance(self.value, Mapping):
            value = self.value.get(key)
        else:
            value = self.value[key] if isinstance(self.value, list) and isinstance(key, int) else None
        return None if value is None else Setting(value, (*self.path, key), self.document)

    def is_unsure(self, *keys: str | int) -> bool:
        """Whether a mistake hides the value of one of these keys, or without keys any part of it."""
        if not self.document.lost:
            return False
        paths = [(*self.path, key) for key in keys] or [self.path]
        return any(map(self.document.is_unsure, paths))

    def parts(self) -> "Iterator[Setting]":
        """The values of a map or list."""
        if isinstance(self.value, Mapping):
            for key, value in self.value.items():
                yield Setting(value, (*self.path, key), self.document)
        elif isinstance(self.value, list):
            for index, value in enumerate(self.value):
                yield Setting(value, (*self.path, index), self.document)

    def entries(self) -> "Iterator[Setting]":
        """The values of a list, or the value itself if a single value is allowed in place of a list."""
        if isinstance(self.value, list):
            yield from self.parts()
        else:
            yield self

    def texts(self) -> Iterator["Setting"]:
        """Every text in the value, at any depth."""
        if isinstance(self.value, str):
            yield self
        else:
            for part in self.parts():
                yield from part.texts()


def any_text(value: object, test: Callable[[str], bool]) -> bool:
    """Whether any text in a value passes a test, without making a setting for each part."""
    if isinstance(value, str):
        return test(value)
    if isinstance(value, dict):
        return any(any_text(part, test) for part in value.values())
    return isinstance(value, list) and any(any_text(part, test) for part in value)


Settings = Mapping[str, Setting]
Layer = tuple[Document, DocumentPath]
"""A map of settings, by its place; a later layer overrides an earlier one."""


def merged(layers: Iterable[Layer]) -> dict[str, Setting]:
    """The keys in force: each replaces that of a lower layer, and `null` removes it."""
    found: dict[str, Setting] = {}
    for document, path in layers:
        for key, value in map_at(document, path).items():
            found[key] = Setting(value, (*path, key), document)
    return {key: setting for key, setting in found.items() if setting.value is not None}


def merged_by_name(layers: Iterable[Layer], key: str) -> dict[str, Setting]:
    """The entries of `env` or `secrets` in force, merged by name; `null` for the map removes all."""
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
    """The map at a path; an empty one if there is none."""
    here: Any = document.tree
    for step in path:
        here = here.get(step) if isinstance(here, dict) else None
    return here if isinstance(here, dict) else {}
