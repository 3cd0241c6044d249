"""A file of another tool: its lines, and its YAML read leniently: tags, merge keys, many documents."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final  # a value of another tool's file has any type

from jobfile.diagnostics.source import Source
from jobfile.model.namedtuple import NamedTuple
from jobfile.syntax.document import PARSER, read_events
from jobfile.syntax.located_reader import Event, Kind
from jobfile.syntax.scalars import core_value

MAX_NODES: Final = 20_000
"""Maximum values read of a file: its first job comes early enough."""
MAX_DEPTH: Final = 64


class Line(NamedTuple):
    """A line with content: its offset and its text, without the blanks around it."""

    start: int
    text: str


@dataclass(frozen=True)
class ForeignText:
    """The text of a file that may be another tool's."""

    source: Source

    @property
    def text(self) -> str:
        """The whole text."""
        return self.source.text

    @cached_property
    def lines(self) -> tuple[Line, ...]:
        """The lines that are neither blank nor comments after `#` or `;`."""
        found = []
        for start, raw in zip(self.source.line_starts, self.text.split("\n"), strict=True):
            text = raw.strip()
            if text and text[0] not in "#;":
                found.append(Line(start + len(raw) - len(raw.lstrip()), text))
        return tuple(found)

    @cached_property
    def documents(self) -> tuple[Any, ...]:
        """The YAML documents, up to the first mistake in their syntax."""
        return tuple(_Builder().read(read_events(self.source, PARSER)))

    @cached_property
    def top(self) -> Mapping[str, Any]:
        """The first document that is a map."""
        return next((one for one in self.documents if isinstance(one, dict)), {})

    def key(self, name: str) -> tuple[int, int] | None:
        """The place of a key at the top of a document."""
        bare = rf"""(?m)^["']?({re.escape(name)})["']?[ \t]*+:(?=[ \t\r\n]|$)"""
        in_json = rf"""(?m)^[ \t{{]*+"({re.escape(name)})"[ \t]*+:"""
        found = re.search(bare, self.text) or re.search(in_json, self.text)
        return None if found is None else found.span(1)

    def has_keys(self, *names: str) -> bool:
        """Whether all these words are in the text, each before a colon: a quick look before it is parsed."""
        if not all(name in self.text for name in names):
            return False
        return all(re.search(rf"""\b{re.escape(name)}["']?[ \t]*+:""", self.text) for name in names)

    def first_line(self) -> tuple[int, int]:
        """The place of the first line with content."""
        if not self.lines:
            return (0, 0)
        line = self.lines[0]
        return (line.start, line.start + len(line.text))


def maps(value: object) -> list[Mapping[str, Any]]:
    """The maps in a list; a map alone counts as a list of one."""
    items = value if isinstance(value, list) else [value]
    return [one for one in items if isinstance(one, dict)]


def below(value: object, *keys: str) -> Any:  # noqa: ANN401  any value of the file
    """The value below some keys; None if there is none."""
    for key in keys:
        if not isinstance(value, dict):
            return None
        value = value.get(key)
    return value


def text_of(value: object) -> str:
    """A scalar as text; empty for a list, a map and null."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, (str, int, float)) else ""


def texts_of(value: object) -> list[str]:
    """The scalars of a list as texts; a scalar alone counts as a list of one."""
    items = value if isinstance(value, list) else [value]
    return [text for one in items if (text := text_of(one))]


@dataclass(slots=True)
class _Builder:
    """Builds trees from the events of a YAML parser, without recursion; stops at the first mistake."""

    documents: list[Any] = field(default_factory=list)
    open: list[Any] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)
    """For each open map, the key that waits for its value."""
    anchors: dict[str, Any] = field(default_factory=dict)

    def read(self, events: Iterable[Event]) -> list[Any]:
        for count, event in enumerate(events):
            if event.kind is Kind.STUMBLE or count > MAX_NODES or len(self.open) > MAX_DEPTH:
                break
            self.take(event)
        return self.documents

    def take(self, event: Event) -> None:
        match event.kind:
            case Kind.SCALAR:
                is_key = bool(self.open) and isinstance(self.open[-1], dict) and self.keys[-1] is None
                plain = not event.style and not is_key
                self.put(core_value(event.value) if plain else event.value, event)
            case Kind.ALIAS:
                known = self.anchors.get(event.anchor)
                self.put(None if any(known is one for one in self.open) else known, event)
            case Kind.LIST | Kind.MAP:
                made: Any = [] if event.kind is Kind.LIST else {}
                self.put(made, event)
                self.open.append(made)
                self.keys.append(None)
            case Kind.LIST_END | Kind.MAP_END:
                self.open.pop()
                self.keys.pop()
            case _:
                pass

    def put(self, value: Any, event: Event) -> None:  # noqa: ANN401  any value of the file
        if event.anchor and event.kind is not Kind.ALIAS:
            self.anchors[event.anchor] = value
        holder = self.open[-1] if self.open else self.documents
        if isinstance(holder, list):
            holder.append(value)
        elif self.keys[-1] is None:
            self.keys[-1] = text_of(value)
        else:
            key, self.keys[-1] = self.keys[-1], None
            if key == "<<":
                for merged in maps(value):
                    for name, one in merged.items():
                        holder.setdefault(name, one)
            else:
                holder[key] = value
