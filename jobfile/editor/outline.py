"""The outline of a job file: its jobs with their params and steps, and what they use, as a tree."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from jobfile.diagnostics.diagnostic import DocumentPath
from jobfile.diagnostics.source import Span
from jobfile.files.merged_settings import map_at
from jobfile.syntax.document import Document


class Kind(StrEnum):
    """What an entry of the outline is."""

    SECTION = "section"
    JOB = "job"
    STEP = "step"
    VALUE = "value"
    """A param, an output or a var."""
    THING = "thing"
    """A calendar, a queue or a channel."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """An entry of the outline: its name, the place of the name, and of all that belongs to it."""

    name: str
    kind: Kind
    detail: str
    own: Span
    whole: Span
    children: "tuple[Entry, ...]" = ()


_SECTIONS = {
    "vars": Kind.VALUE,
    "calendars": Kind.THING,
    "queues": Kind.THING,
    "channels": Kind.THING,
    "jobs": Kind.JOB,
}
_OF_JOBS = {"params": Kind.VALUE, "outputs": Kind.VALUE, "steps": Kind.STEP}
MOST_DETAIL = 60
"""Maximum characters of a value beside its name."""


def outline(document: Document) -> tuple[Entry, ...]:
    """The sections of a file in their order, each with its entries."""
    return tuple(
        _section(document, (key,), _SECTIONS[key], _in_job) for key in document.tree if key in _SECTIONS
    )


def _section(
    document: Document,
    path: DocumentPath,
    kind: Kind,
    inside: Callable[[Document, DocumentPath], Iterator[Entry]],
) -> Entry:
    """A key with an entry for each name below it."""
    names = [(*path, name) for name in map_at(document, path)]
    children = tuple(
        _entry(document, one, kind, tuple(inside(document, one)) if kind in (Kind.JOB, Kind.STEP) else ())
        for one in names
    )
    return _entry(document, path, Kind.SECTION, children)


def _in_job(document: Document, path: DocumentPath) -> Iterator[Entry]:
    for key in map_at(document, path):
        if key in _OF_JOBS and map_at(document, (*path, key)):
            yield _section(document, (*path, key), _OF_JOBS[key], _in_job)


def _entry(document: Document, path: DocumentPath, kind: Kind, children: tuple[Entry, ...]) -> Entry:
    own, value = document.key_span(path), document.span(path)
    end = max(own.end, value.end) if value.start >= own.start else own.end  # the value may be an alias
    return Entry(
        name=str(path[-1]),
        kind=kind,
        detail=_detail(document, path),
        own=own,
        whole=Span(own.start, end),
        children=children,
    )


def _detail(document: Document, path: DocumentPath) -> str:
    """What a list of entries shows beside a name: a short value, a type, or a description."""
    fields = map_at(document, path)
    key = next((key for key in ("type", "description", "schedule") if isinstance(fields.get(key), str)), None)
    text = document.text((*path, key)) if key is not None else document.text(path)
    line = text.split("\n", 1)[0]
    return line if len(line) <= MOST_DETAIL else f"{line[: MOST_DETAIL - 1]}…"
