"""The careful reader: finds the place of every value, and explains every mistake."""

from collections.abc import Iterator
from dataclasses import replace
from enum import StrEnum
from typing import Final, NoReturn, TypeAlias

from jobfile.diagnostics.diagnostic import Diagnostic, DocumentPath, Label, arrange
from jobfile.diagnostics.source import Source
from jobfile.model.dataclass import dataclass
from jobfile.model.namedtuple import NamedTuple
from jobfile.model.regex import regex
from jobfile.syntax.error_context import Stumble, mistake, shorten
from jobfile.syntax.hidden_characters import describe, first_forbidden, has_forbidden, has_hidden
from jobfile.syntax.indicators import report_tag, template_needs_quotes
from jobfile.syntax.scalars import core_value, value_places
from jobfile.syntax.syntax_errors import explain, glued_key

MAX_DEPTH: Final = 32
"""Maximum depth of nested maps and lists, with those that aliases add."""
MAX_NODES: Final = 50_000
"""Maximum keys, values, lists and maps written in a file."""
MAX_SCALAR_BYTES: Final = 256 * 1024
"""Maximum size of one value, in bytes of UTF-8."""
MAX_ALIASES: Final = 100
"""Maximum aliases in one file."""
MAX_ALIAS_WEIGHT: Final = 20_000
"""Maximum nodes that all aliases of a file add."""
MAX_ANCHOR_NAME: Final = 64
"""Maximum characters of an anchor's name."""
MAX_PROBLEMS: Final = 100
"""After this number of findings, the rest of a file is not read."""

Node: TypeAlias = "dict[str, Node] | list[Node] | str | int | float | bool | None"
"""A value of a document."""


class Kind(StrEnum):
    """The kind of an event."""

    DOCUMENT = "document"
    SCALAR = "scalar"
    LIST = "list"
    MAP = "map"
    ALIAS = "alias"
    LIST_END = "end of list"
    MAP_END = "end of map"
    STREAM_END = "end of file"
    STUMBLE = "stumble"


class Event(NamedTuple):
    """A step of a YAML parser; places are offsets; `style` is a scalar's first sign unless it is plain."""

    kind: Kind
    start: int
    end: int
    value: str = ""
    style: str = ""
    anchor: str = ""
    has_tag: bool = False
    stumble: Stumble | None = None


class Mark(NamedTuple):
    """Offsets of a value and its key; a scalar's text, its style and the end of its source text."""

    start: int
    end: int
    key: tuple[int, int] | None = None
    value: str | None = None
    style: str = ""
    written_end: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """Marks by path; a path below an alias leads to the place of its anchor."""

    marks: dict[DocumentPath, Mark]
    aliases: dict[DocumentPath, DocumentPath]

    def find(self, path: DocumentPath) -> Mark | None:
        """The mark of a path, if there is a value."""
        for _ in range(MAX_ALIASES):
            if path in self.marks:
                return self.marks[path]
            cuts = (cut for cut in range(len(path) - 1, 0, -1) if path[:cut] in self.aliases)
            cut = next(cuts, None)
            if cut is None:
                return None
            path = self.aliases[path[:cut]] + path[cut:]
        return None

    def nearest(self, path: DocumentPath) -> Mark:
        """The mark of a path, or of the nearest value above it."""
        for length in range(len(path), -1, -1):
            mark = self.find(path[:length])
            if mark is not None:
                return mark
        return Mark(0, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """The result of a careful reading; the tree is None if the file could not be read to its end."""

    tree: Node
    index: Index
    problems: tuple[Diagnostic, ...]


def read_carefully(source: Source, events: Iterator[Event]) -> Reading:
    """Read all events of a file."""
    reader = _Reader(source, events)
    try:
        tree = reader.document()
    except _StopError:
        tree = None
    index = Index(marks=reader.marks, aliases=reader.aliases)
    return Reading(tree=tree, index=index, problems=arrange(reader.problems))


class _StopError(Exception):
    """Nothing after this place can be read."""


class _Anchored(NamedTuple):
    """The value of an anchor; `is_open` while it is still being read."""

    path: DocumentPath
    value: Node = None
    weight: int = 0
    height: int = 0
    is_open: bool = False


_PROPERTIES: Final = regex(r"(?:[&!][^\s,\[\]{}]*\s+)*")
_TAG: Final = regex(r"![^\s,\[\]{}]*")
_END: Final = Event(Kind.STREAM_END, 0, 0)


class _Reader:
    """Reads a document's events once; `end` is where the last text read so far ends."""

    def __init__(self, source: Source, events: Iterator[Event]) -> None:
        self.source = source
        self.events = events
        self.marks: dict[DocumentPath, Mark] = {}
        self.aliases: dict[DocumentPath, DocumentPath] = {}
        self.problems: list[Diagnostic] = []
        self.anchors: dict[str, _Anchored] = {}
        self.nodes = self.alias_count = self.alias_weight = self.deepest = self.end = 0

    def next(self) -> Event:
        event = next(self.events, _END)
        if len(self.problems) >= MAX_PROBLEMS:
            raise _StopError
        if event.stumble is not None:
            kept = [problem for problem in self.problems if problem.code == "JF006"]
            self.problems = [*kept, explain(event.stumble)]
            raise _StopError
        return event

    def document(self) -> Node:
        start = self.next()
        if start.kind is Kind.STREAM_END:
            self.report("JF019", "the file is empty", (0, 0))
            return None
        if start.has_tag:
            self.problems.append(report_tag(self.source, (start.start, start.start + 1)))
        event = self.next()
        tree = self.node(event, (), 1)
        if not isinstance(tree, dict):
            self.report_top(event, tree)
        second = self.next()
        if second.kind is Kind.DOCUMENT:
            place = (second.start, max(second.end, second.start + 1))
            self.report(
                "JF014", "a second document begins here", place, help_=("one file holds one document",)
            )
        return tree

    def report_top(self, event: Event, tree: Node) -> None:
        """The top is a scalar or a list [JF019], or a first key has no space after its colon [JF016]."""
        is_plain = event.kind is Kind.SCALAR and not event.style
        glued = glued_key(self.source, event.start, self.end) if is_plain else None
        if glued is not None:
            self.problems.append(glued)
        elif is_plain and tree is None:
            self.report("JF019", "the file is empty", (0, 0))
        elif event.kind is not Kind.ALIAS:
            line_end = self.source.text.find("\n", event.start)
            place = (event.start, self.end if line_end == -1 else min(self.end, line_end))
            found = "a list" if isinstance(tree, list) else "a single value"
            message = f"the top of a file must be a map of keys, not {found}"
            help_ = ("begin with  version: 1  and put each job under  jobs:",)
            self.report("JF019", message, place, help_=help_)

    def node(self, event: Event, path: DocumentPath, depth: int) -> Node:
        """Read the value that begins with an event; keep its anchor, mark its place."""
        if event.kind is Kind.ALIAS:
            return self.alias(event, path, depth)
        self.count(event)
        if not event.anchor:
            return self.content(event, path, depth)
        if len(event.anchor) > MAX_ANCHOR_NAME:
            self.stop("JF017", f"the name of an anchor is longer than {MAX_ANCHOR_NAME} characters", event)
        outer, self.deepest = self.deepest, depth
        before = self.nodes + self.alias_weight - 1
        self.anchors[event.anchor] = _Anchored(path, is_open=True)
        value = self.content(event, path, depth)
        weight = self.nodes + self.alias_weight - before
        self.anchors[event.anchor] = _Anchored(path, value, weight, self.deepest - depth)
        self.deepest = max(outer, self.deepest)
        return value

    def alias(self, event: Event, path: DocumentPath, depth: int) -> Node:
        """The value of an alias [JF012, JF018]."""
        place = (event.start, event.end)
        name = shorten(self.source.text[event.start : event.end])
        self.marks[path] = Mark(*place)
        self.end = event.end
        self.alias_count += 1
        if self.alias_count > MAX_ALIASES:
            self.stop("JF012", f"more than {MAX_ALIASES} aliases in one file", event)
        anchored = self.anchors.get(event.anchor)
        if anchored is None:
            help_ = ("put the value in quotes if the `*` belongs to it",)
            self.report("JF018", f"no anchor for the alias `{name}`", place, path=path, help_=help_)
            return None
        if anchored.is_open:
            self.report("JF012", f"the alias `{name}` is inside its own anchor", place, path=path)
            return None
        self.alias_weight += anchored.weight
        if self.alias_weight > MAX_ALIAS_WEIGHT:
            self.stop("JF012", f"the aliases of one file add more than {MAX_ALIAS_WEIGHT:,} values", event)
        self.descend(event, depth + anchored.height)
        self.aliases[path] = anchored.path
        return anchored.value

    def content(self, event: Event, path: DocumentPath, depth: int) -> Node:
        """A scalar, a list or a map, after its anchor and tag."""
        start = self.begin(event)
        if event.kind is Kind.SCALAR:
            return self.scalar(event, path, start)
        self.descend(event, depth)
        self.end = start
        is_map = event.kind is Kind.MAP
        value: Node = self.mapping(path, depth) if is_map else self.sequence(path, depth)
        self.marks[path] = Mark(start, self.end)
        return value

    def begin(self, event: Event) -> int:
        """Where a value begins after its anchor and tag; a tag is a mistake [JF011]."""
        if not event.anchor and not event.has_tag:
            return event.start
        if event.has_tag:
            tag = _TAG.search(self.source.text, event.start)
            self.problems.append(report_tag(self.source, tag.span() if tag else (event.start, event.end)))
        # An empty scalar ends with its anchor or tag; what follows is not part of it.
        most = event.end if event.kind is Kind.SCALAR else len(self.source.text)
        properties = _PROPERTIES.match(self.source.text, event.start, most)
        return properties.end() if properties else event.start

    def scalar(self, event: Event, path: DocumentPath, start: int) -> Node:
        written_end = max(start, event.end)
        self.end = written_end
        if event.style in ("|", ">"):
            self.end = start + len(self.source.text[start:written_end].rstrip())
        self.marks[path] = Mark(start, self.end, None, event.value, event.style, written_end)
        self.check_scalar(event, (start, self.end), path)
        return event.value if event.style else core_value(event.value)

    def check_scalar(self, event: Event, place: tuple[int, int], path: DocumentPath) -> None:
        value = event.value
        if len(value) > MAX_SCALAR_BYTES // 4 and len(value.encode()) > MAX_SCALAR_BYTES:
            self.report("JF017", f"one value has more than {MAX_SCALAR_BYTES:,} bytes", place, path=path)
        if event.style == '"' and has_forbidden(value):
            self.report_character("an escape produces the forbidden character", event, place, path)

    def report_character(
        self, message: str, event: Event, place: tuple[int, int], path: DocumentPath
    ) -> None:
        """JF015 at the character of a scalar, as written in the file."""
        at = first_forbidden(event.value) or 0
        places = value_places(self.source.text[slice(*place)], event.style, event.value)
        if places:
            place = (place[0] + places[at][0], place[0] + places[at][1])
        self.report("JF015", f"{message} {describe(event.value[at])}", place, path=path)

    def sequence(self, path: DocumentPath, depth: int) -> "list[Node]":
        items: list[Node] = []
        while (event := self.next()).kind is not Kind.LIST_END:
            items.append(self.node(event, (*path, len(items)), depth + 1))
        self.close(event)
        return items

    def mapping(self, path: DocumentPath, depth: int) -> "dict[str, Node]":
        tree: dict[str, Node] = {}
        first: dict[str, tuple[int, int]] = {}
        while (event := self.next()).kind is not Kind.MAP_END:
            if event.kind is not Kind.SCALAR:
                self.odd_key(event, path, depth)
                continue
            here = (*path, event.value)
            key = self.key(event, here, first)
            tree[event.value] = self.node(self.next(), here, depth + 1)
            self.marks[here] = self.marks[here]._replace(key=key)
        self.close(event)
        return tree

    def key(self, event: Event, path: DocumentPath, first: dict[str, tuple[int, int]]) -> tuple[int, int]:
        """Check a key and return its place: a visible text, given once, not a merge key."""
        self.count(event)
        place = (self.begin(event), event.end)
        self.end = event.end
        self.check_scalar(event, place, path)
        if has_hidden(event.value):
            self.report_character("a key contains the invisible character", event, place, path)
        if event.value == "<<" and not event.style:
            help_ = ("write the keys out, or use `defaults`",)
            self.report("JF013", "merge keys are not supported", place, path=path, help_=help_)
        elif event.value in first:
            self.report_twice(event.value, place, path, first[event.value])
        first.setdefault(event.value, place)
        return place

    def report_twice(
        self, key: str, place: tuple[int, int], path: DocumentPath, first: tuple[int, int]
    ) -> None:
        related = (Label(span=self.source.span(*first), text="first given here"),)
        self.report(
            "JF006",
            f"key `{shorten(key)}` is given twice",
            place,
            path=path,
            label="the value above would be lost",
            related=related,
            help_=("keep one of them",),
        )

    def odd_key(self, event: Event, path: DocumentPath, depth: int) -> None:
        """A key that is a list, a map or an alias [JF105]; usually a template without quotes [JF003]."""
        text = self.source.text
        starts = (at for at in (event.start, event.start - 1) if at >= 0 and text.startswith("{{", at))
        opening = next(starts, None)
        if opening is not None:
            line = text[text.rfind("\n", 0, opening) + 1 : opening]
            is_in_flow = line.count("[") + line.count("{") > line.count("]") + line.count("}")
            self.problems.append(template_needs_quotes(self.source, opening, is_in_flow=is_in_flow))
        else:
            place = (event.start, max(event.end, event.start + 1))
            self.report("JF105", f"a key must be text, not {_ARTICLES[event.kind]}", place, path=path)
        known = len(self.problems)
        self.node(event, (*path, "?"), depth + 1)
        self.node(self.next(), (*path, "?"), depth + 1)
        del self.problems[known:]

    def close(self, event: Event) -> None:
        """Where a collection ends: in brackets at its bracket, in a block at its last value."""
        if event.end > event.start:
            self.end = event.end

    def descend(self, event: Event, depth: int) -> None:
        self.deepest = max(self.deepest, depth)
        if depth > MAX_DEPTH:
            self.stop("JF017", f"nested more than {MAX_DEPTH} levels deep", event)

    def count(self, event: Event) -> None:
        self.nodes += 1
        if self.nodes > MAX_NODES:
            self.stop("JF017", f"more than {MAX_NODES:,} keys and values in one file", event)

    def stop(self, code: str, message: str, event: Event) -> NoReturn:
        self.report(code, message, (event.start, max(event.end, event.start + 1)))
        raise _StopError

    def report(
        self,
        code: str,
        message: str,
        place: tuple[int, int],
        *,
        path: DocumentPath = (),
        label: str = "",
        related: tuple[Label, ...] = (),
        help_: tuple[str, ...] = (),
    ) -> None:
        found = mistake(self.source, code, message, place, label=label, related=related, help_=help_)
        self.problems.append(replace(found, path=path))


_ARTICLES: Final = {Kind.ALIAS: "an alias", Kind.MAP: "a map", Kind.LIST: "a list"}
