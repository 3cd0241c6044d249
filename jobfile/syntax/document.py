"""Reads a file's text into a plain tree, and finds the place of a value on demand.

A good file is read once, quickly, for its tree only. A file with anything unusual, and every file whose
places are needed, is read a second time by the careful reader. This is the only module that imports yaml.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import field
from functools import cached_property
from itertools import islice
from typing import Any, Final, Protocol, TypeAlias

import yaml
from yaml.events import (
    AliasEvent,
    CollectionStartEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)
from yaml.parser import Parser
from yaml.reader import Reader
from yaml.scanner import Scanner

from jobfile.diagnostics.diagnostic import Diagnostic, DocumentPath
from jobfile.diagnostics.source import Position, Source, Span
from jobfile.model.dataclass import dataclass
from jobfile.syntax.error_context import Stumble, Token
from jobfile.syntax.hidden_characters import check_characters, has_forbidden, has_hidden
from jobfile.syntax.located_reader import (
    MAX_DEPTH,
    MAX_NODES,
    MAX_SCALAR_BYTES,
    Event,
    Index,
    Kind,
    Mark,
    read_carefully,
)
from jobfile.syntax.scalars import Place, core_value, value_places

MAX_FILE_BYTES: Final = 1024 * 1024
"""Maximum size of one file, in bytes of UTF-8."""

ParserFactory: TypeAlias = Callable[[str], Any]
"""Makes one of PyYAML's parsers for a text; a parser gives events and tokens."""


class PurePythonParser(Reader, Scanner, Parser):
    """PyYAML's own parser, used without libyaml: the same events, about ten times slower."""

    def __init__(self, stream: str) -> None:
        Reader.__init__(self, stream)
        Scanner.__init__(self)
        Parser.__init__(self)


PARSER: Final[ParserFactory] = getattr(getattr(yaml, "cyaml", None), "CParser", PurePythonParser)
"""libyaml's parser, if PyYAML was built with it."""
_LIBRARY_FAULTS: Final = (yaml.YAMLError, ValueError, OverflowError, RecursionError, IndexError)
"""What a YAML parser can raise: its own errors, and its faults with numbers, nesting and buffers."""


NAMES_DEPTH: Final = 2
"""The depth of the maps of named things in a file, such as `jobs`."""
ANY_NAME: Final = "*"
"""Stands for every name in a map."""


@dataclass(frozen=True)
class Document:
    """A file as a plain tree; places are computed when the first one is needed.

    `lost` are the paths of values that are unknown because of a mistake there: the tree does not have them,
    but the author meant to write something, so nothing there can be called missing. A path ends in ANY_NAME
    where a name has the wrong form: what the author calls it elsewhere is not known.
    """

    source: Source
    tree: dict[str, Any]
    known: Index | None = field(default=None, repr=False, compare=False)
    lost: frozenset[DocumentPath] = frozenset()
    name_lines: tuple[int, ...] = field(default=(), repr=False, compare=False)
    """The line of each name in the maps of the file, such as `jobs`, in order; () if `known` has them."""

    def span(self, path: DocumentPath) -> Span:
        """The place of the value at a path, or of the nearest value above it if there is none."""
        mark = self._index.nearest(path)
        return self.source.span(mark.start, mark.end)

    def key_span(self, path: DocumentPath) -> Span:
        """The place of the key of a map's entry; for the item of a list, the place of the item."""
        mark = self._index.find(path)
        if mark is None or mark.key is None:
            return self.span(path)
        return self.source.span(*mark.key)

    def line(self, path: DocumentPath) -> int:
        """The line of the key of a map's entry. For a name in a map of the file nothing is read again."""
        return self._lines.get(path) or self.key_span(path).start.line

    def text(self, path: DocumentPath) -> str:
        """A scalar as text: as written if it is plain, else its value; empty for a list or map."""
        value = self._at(path)
        if isinstance(value, str):
            return value
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, int) and value:
            return str(value)
        mark = self._index.find(path)
        return "" if mark is None or mark.value is None else mark.value

    def is_quoted(self, path: DocumentPath) -> bool:
        """Whether the value at a path is a quoted or block scalar, which is always text."""
        if not isinstance(self._at(path), str):
            return False
        mark = self._index.find(path)
        return mark is not None and bool(mark.style)

    def within(self, path: DocumentPath, start: int, end: int) -> Span:
        """The place of value[start:end] in the scalar at a path; the whole scalar if that is unclear."""
        mark = self._index.find(path)
        if mark is None or mark.value is None:
            return self.span(path)
        places = self._places(path, mark)
        if not places or not 0 <= start <= end <= len(places):
            return self.span(path)
        first = places[start][0] if start < len(places) else places[-1][1]
        last = places[end - 1][1] if start < end else first
        return self.source.span(mark.start + first, mark.start + last)

    def spelled(self, path: DocumentPath, text: str) -> str | None:
        """How to write a text inside the scalar at a path; None if it would need quotes."""
        mark = self._index.find(path)
        style = "" if mark is None else mark.style
        if style == "'":
            return text.replace("'", "''")
        if style == '"':
            return text.replace("\\", "\\\\").replace('"', '\\"')
        is_plain = style not in ("|", ">")
        return None if is_plain and (": " in text or " #" in text or text.endswith(":")) else text

    def path_at(self, offset: int) -> tuple[DocumentPath, bool]:
        """The innermost value at a place in the text, and whether the place is in its key."""
        best: DocumentPath = ()
        size = len(self.source.text) + 1
        for path, mark in self._index.marks.items():
            if mark.key is not None and mark.key[0] <= offset <= mark.key[1]:
                return path, True
            end = max(mark.end, mark.written_end if mark.style in ("|", ">") else 0)
            if mark.start <= offset <= end and end - mark.start <= size:
                best, size = path, end - mark.start
        return best, False

    def without(self, tree: dict[str, Any], lost: Iterable[DocumentPath]) -> "Document":
        """The same file with another tree, and more that is lost."""
        return Document(self.source, tree, self._index, self.lost | frozenset(lost))

    def is_lost(self, path: DocumentPath) -> bool:
        """Whether the value at a path, or one that contains it, is unknown because of a mistake."""
        return bool(self.lost) and any(path[:length] in self.lost for length in range(1, len(path) + 1))

    def is_unknown(self, path: DocumentPath, name: str) -> bool:
        """Whether the map at a path may have a name that a mistake hides."""
        return self.is_lost((*path, name)) or (*path, ANY_NAME) in self.lost

    def is_unsure(self, path: DocumentPath) -> bool:
        """Whether the value at a path is unknown because of a mistake, or a part of it."""
        return bool(self.lost) and (path in self._touched or self.is_lost(path))

    def lost_names(self, path: DocumentPath) -> frozenset[str]:
        """The names in the map at a path whose values are unknown."""
        names = (one[-1] for one in self._touched.get(path, ()) if len(one) == len(path) + 1)
        return frozenset(str(name) for name in names if name != ANY_NAME)

    def lost_texts(self, path: DocumentPath) -> Iterator[str]:
        """The values at and below a path that are unknown because of a mistake, as written in the file."""
        for one in self._touched.get(path, ()):
            if self._index.find(one) is not None:
                span = self.span(one)
                yield self.source.text[span.start.offset : span.end.offset]

    @cached_property
    def _lines(self) -> dict[DocumentPath, int]:
        names = ((key, name) for key, part in self.tree.items() if isinstance(part, dict) for name in part)
        return dict(zip(names, self.name_lines, strict=True)) if self.name_lines else {}

    @cached_property
    def _touched(self) -> dict[DocumentPath, list[DocumentPath]]:
        """What is lost at and below each path."""
        found: dict[DocumentPath, list[DocumentPath]] = {}
        for one in self.lost:
            for length in range(len(one) + 1):
                found.setdefault(one[:length], []).append(one)
        return found

    def _places(self, path: DocumentPath, mark: Mark) -> tuple[Place, ...] | None:
        """The places in a scalar. The last result is kept: most calls ask about the same scalar."""
        if path not in self._last_places:
            written = self.source.text[mark.start : mark.written_end]
            self._last_places.clear()
            self._last_places[path] = value_places(written, mark.style, mark.value or "")
        return self._last_places[path]

    @cached_property
    def _last_places(self) -> dict[DocumentPath, tuple[Place, ...] | None]:
        return {}

    def _at(self, path: DocumentPath) -> object:
        value: Any = self.tree
        for step in path:
            try:
                value = value[step]
            except (KeyError, IndexError, TypeError):
                return None
        return value

    @cached_property
    def _index(self) -> Index:
        return self.known or read_carefully(self.source, read_events(self.source, PARSER)).index


def decode_source(name: str, data: bytes) -> tuple[Source | None, tuple[Diagnostic, ...]]:
    """The bytes of a file as text: UTF-8, at most 1 MiB, a byte order mark dropped [JF015, JF017]."""
    if len(data) > MAX_FILE_BYTES:
        return None, (_too_large(name, f"{len(data):,} bytes"),)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        return None, (_not_utf8(name, data, error.start),)
    return Source(name, text.removeprefix("\ufeff")), ()


def parse_document(
    source: Source, *, parser: ParserFactory = PARSER
) -> tuple[Document | None, tuple[Diagnostic, ...]]:
    """The tree of a text and its diagnostics; no tree if an error leaves nothing worth checking."""
    if len(source.text) > MAX_FILE_BYTES:
        return None, (_too_large(source.name, f"{len(source.text):,} characters"),)
    forbidden = check_characters(source)
    if forbidden:
        return None, forbidden
    lines: list[int] = []
    tree = None if has_hidden(source.text) else read_quickly(source.text, parser, lines=lines)
    if tree is not None:
        return Document(source, tree, name_lines=tuple(lines)), ()
    reading = read_carefully(source, read_events(source, parser))
    is_useful = all(problem.code in _HARMLESS for problem in reading.problems)
    if is_useful and isinstance(reading.tree, dict):
        return Document(source, reading.tree, reading.index), reading.problems
    return None, reading.problems


_HARMLESS: Final = frozenset({"JF006"})
"""Mistakes that leave a tree worth checking: a key given twice keeps its second value."""


def _too_large(name: str, found: str) -> Diagnostic:
    top = Position(1, 1, 0)
    message = f"the file has {found}; the limit is {MAX_FILE_BYTES:,} bytes"
    return Diagnostic(
        code="JF017",
        message=message,
        file=name,
        span=Span(top, top),
        help=("split the file, and combine the parts with `include`",),
    )


def _not_utf8(name: str, data: bytes, at: int) -> Diagnostic:
    before = Source(name, data[:at].decode("utf-8").removeprefix("\ufeff"))
    place = before.position(len(before.text))
    is_utf16 = data[:2] in (b"\xff\xfe", b"\xfe\xff")
    return Diagnostic(
        code="JF015",
        message=f"byte 0x{data[at]:02x} is not UTF-8",
        file=name,
        span=Span(place, place),
        notes=("the file looks like UTF-16",) if is_utf16 else (),
        help=("save the file as UTF-8",),
    )


class _UnusualError(Exception):
    """The text has something that only the careful reader handles, such as an anchor or a mistake."""


def read_quickly(
    text: str, parser: ParserFactory, *, lines: list[int] | None = None
) -> dict[str, Any] | None:
    """The tree of an ordinary text; None for any other, right or wrong.

    `lines` gets the line of each name in the maps of the file.
    """
    try:
        return _QuickReader(parser(text).get_event, [] if lines is None else lines).document()
    except (_UnusualError, *_LIBRARY_FAULTS):
        return None


class _QuickReader:
    """Builds the tree, and of places only the lines of names: plans show them for every job.

    It compares classes with `is`, which is twice as fast as `match` here.
    """

    __slots__ = ("get", "lines", "nodes")

    def __init__(self, get: Callable[[], Any], lines: list[int]) -> None:
        self.get = get
        self.lines = lines
        self.nodes = 1

    def document(self) -> dict[str, Any]:
        self.get()
        start, top = self.get(), self.get()
        if start.__class__ is not DocumentStartEvent or start.tags or top.__class__ is not MappingStartEvent:
            raise _UnusualError
        if top.anchor or top.tag:
            raise _UnusualError
        tree = self.mapping(1)
        self.get()
        if self.get().__class__ is not StreamEndEvent:
            raise _UnusualError
        return tree

    def mapping(self, depth: int) -> dict[str, Any]:
        get = self.get
        tree: dict[str, Any] = {}
        is_of_names = depth == NAMES_DEPTH
        while (event := get()).__class__ is ScalarEvent:
            key = event.value
            if key in tree or event.anchor or event.tag or (event.style and not key.isprintable()):
                raise _UnusualError
            if is_of_names:
                self.lines.append(event.start_mark.line + 1)  # type: ignore[union-attr]  # each event has it
            event = get()
            is_scalar = event.__class__ is ScalarEvent
            tree[key] = _scalar(event) if is_scalar else self.container(event, depth)
        if event.__class__ is not MappingEndEvent or "<<" in tree:
            raise _UnusualError
        self.count(2 * len(tree))
        return tree

    def sequence(self, depth: int) -> list[Any]:
        get = self.get
        items: list[Any] = []
        while (event := get()).__class__ is not SequenceEndEvent:
            is_scalar = event.__class__ is ScalarEvent
            items.append(_scalar(event) if is_scalar else self.container(event, depth))
        self.count(len(items))
        return items

    def container(self, event: CollectionStartEvent | AliasEvent, depth: int) -> dict[str, Any] | list[Any]:
        if isinstance(event, AliasEvent) or event.anchor or event.tag or depth == MAX_DEPTH:
            raise _UnusualError
        return self.mapping(depth + 1) if event.__class__ is MappingStartEvent else self.sequence(depth + 1)

    def count(self, nodes: int) -> None:
        self.nodes += nodes
        if self.nodes > MAX_NODES:
            raise _UnusualError


def _scalar(event: ScalarEvent) -> str | int | float | bool | None:
    value = event.value
    if event.anchor or event.tag or len(value) > MAX_SCALAR_BYTES // 4:
        raise _UnusualError
    if not event.style:
        return core_value(value)
    if event.style == '"' and has_forbidden(value):
        raise _UnusualError
    return value


_KINDS: Final = {
    DocumentStartEvent: Kind.DOCUMENT,
    ScalarEvent: Kind.SCALAR,
    SequenceStartEvent: Kind.LIST,
    MappingStartEvent: Kind.MAP,
    AliasEvent: Kind.ALIAS,
    SequenceEndEvent: Kind.LIST_END,
    MappingEndEvent: Kind.MAP_END,
    StreamEndEvent: Kind.STREAM_END,
}


_LIBRARY_DEPTH: Final = "exceeded maximum nesting depth"
"""libyaml's error at a depth of 1,000 (since 0.2.6); it comes before the events that lead there."""


def read_events(source: Source, parser: ParserFactory) -> Iterator[Event]:
    """The events for the careful reader; the last one is an error if the text is not YAML."""
    given = 0
    try:
        for event in _events(source, source.text, parser):
            given += 1
            yield event
    except _LIBRARY_FAULTS as error:
        stumble = _stumble(source, parser, error)
        if stumble.problem == _LIBRARY_DEPTH:
            # libyaml's scanner reads ahead of its parser, so the error comes too early: the events between
            # are read from the text before the error.
            with suppress(*_LIBRARY_FAULTS):
                yield from islice(_events(source, source.text[: stumble.at], parser), given, None)
        yield Event(Kind.STUMBLE, stumble.at, stumble.at, stumble=stumble)


def _events(source: Source, text: str, parser: ParserFactory) -> Iterator[Event]:
    get = parser(text).get_event
    while (event := get()) is not None:
        kind = _KINDS.get(event.__class__)
        if kind is not None:
            yield _event(source, kind, event)


def _event(source: Source, kind: Kind, event: yaml.Event) -> Event:
    return Event(
        kind,
        _offset(source, event.start_mark),
        _offset(source, event.end_mark),
        value=getattr(event, "value", ""),
        style=getattr(event, "style", None) or "",
        anchor=getattr(event, "anchor", None) or "",
        has_tag=bool(getattr(event, "tag", None) or getattr(event, "tags", None)),
    )


class _Marked(Protocol):
    """The part of a mark that both parsers have: line and column from 0."""

    line: int
    column: int


def _offset(source: Source, mark: _Marked | None) -> int:
    """A parser's mark as an offset, from its line and column: all parsers count these the same way."""
    starts = source.line_starts
    if mark is None or mark.line >= len(starts):
        return len(source.text)
    return min(starts[mark.line] + mark.column, len(source.text))


def read_tokens(source: Source, parser: ParserFactory = PARSER) -> Iterator[Token]:
    """The tokens of a text, for the formatter; they end where the text cannot be read."""
    return _tokens(source, parser)


def _stumble(source: Source, parser: ParserFactory, error: Exception) -> Stumble:
    mark = getattr(error, "problem_mark", None)
    context_mark = getattr(error, "context_mark", None)
    at = getattr(error, "position", 0) if mark is None else _offset(source, mark)
    return Stumble(
        source=source,
        problem=getattr(error, "problem", None) or "",
        context=getattr(error, "context", None) or "",
        at=max(0, min(at, len(source.text))),
        context_at=None if context_mark is None else _offset(source, context_mark),
        tokens=tuple(_tokens(source, parser)),
    )


def _tokens(source: Source, parser: ParserFactory) -> Iterator[Token]:
    """The tokens of a text up to the first one that cannot be read."""
    # `_offset`, written out: a hostile text has hundreds of thousands of tokens, and the calls are half of
    # their cost.
    starts, size = source.line_starts, len(source.text)
    lines = len(starts)
    try:
        get = parser(source.text).get_token
        while (token := get()) is not None:
            first, last = token.start_mark, token.end_mark
            start = starts[first.line] + first.column if first.line < lines else size
            end = starts[last.line] + last.column if last.line < lines else size
            style = getattr(token, "style", None) or ""
            yield Token(token.id, start if start < size else size, end if end < size else size, style)
    except _LIBRARY_FAULTS:
        return
