"""Values of jobfile as values of the protocol of language servers.

Columns in jobfile are code points from 1, and those in the protocol are UTF-16 units from 0. They are
converted here.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from lsprotocol import types
from pygls import uris

from jobfile.diagnostics.diagnostic import Diagnostic, Edit, Severity, left_off_words
from jobfile.diagnostics.source import Source, Span
from jobfile.editor.outline import Entry, Kind
from jobfile.fixing.format import format_source
from jobfile.pipeline import Looked

MARK: Final = "\ufeff"
"""The byte order mark that a text may begin with."""

_LEVELS: Final = {
    Severity.ERROR: types.DiagnosticSeverity.Error,
    Severity.WARNING: types.DiagnosticSeverity.Warning,
    Severity.INFO: types.DiagnosticSeverity.Information,
}


def sound(text: str) -> str:
    """The text with a replacement for each unpaired UTF-16 surrogate."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def path_of(uri: str) -> Path:
    """The path of a file in the editor."""
    return Path(uris.to_fs_path(uri) or "jobs.yaml")


def uri_of(name: str, like: str) -> str:
    """The URI of a file. For the requested file it is the editor's own spelling."""
    return like if Path(name) == path_of(like) else (uris.from_fs_path(name) or like)


def to_client(source: Source, span: Span) -> types.Range:
    """A span as a range of the protocol."""
    return types.Range(position_of(source, span.start.offset), position_of(source, span.end.offset))


def position_of(source: Source, offset: int) -> types.Position:
    """An offset as a position of the protocol."""
    place = source.position(min(offset, len(source.text)))
    begin = source.line_starts[place.line - 1]
    units = len(source.text[begin : place.offset].encode("utf-16-le")) // 2
    return types.Position(place.line - 1, units)


def to_offset(source: Source, position: types.Position) -> int:
    """A position of the protocol as an offset; one beyond the end of its line means that end."""
    if position.line >= len(source.line_starts):
        return len(source.text)
    begin = source.line_starts[position.line]
    line = source.line(position.line + 1)
    units = line.encode("utf-16-le")[: 2 * position.character]
    return begin + len(units.decode("utf-16-le", "ignore"))


def diagnostic_of(one: Diagnostic, looked: Looked) -> types.Diagnostic:
    """A finding with its notes and help; other places become related ones."""
    source = looked.sources.get(one.file) or Source(one.file, "")
    text = "\n".join([one.message, *one.notes, *(f"help: {advice}" for advice in one.help)])
    related = [
        types.DiagnosticRelatedInformation(
            types.Location(uris.from_fs_path(one.file) or "", to_client(source, label.span)), label.text
        )
        for label in one.related
    ]
    return types.Diagnostic(
        range=to_client(source, one.span),
        message=text,
        severity=_LEVELS[one.severity],
        code=one.code,
        source="jobfile",
        related_information=related or None,
    )


def markdown(text: str) -> types.MarkupContent | None:
    """A text in Markdown; None if it is empty."""
    return types.MarkupContent(types.MarkupKind.Markdown, text) if text else None


def text_edits(source: Source, edits: Iterable[Edit]) -> list[types.TextEdit]:
    """Edits of a file, with the line ends of that file."""
    line_end = "\r\n" if "\r\n" in source.text else "\n"
    return [
        types.TextEdit(to_client(source, edit.span), edit.text.replace("\r\n", "\n").replace("\n", line_end))
        for edit in edits
    ]


def left_off_note(count: int) -> types.Diagnostic:
    """A note at the top of a file: more findings exist than are shown."""
    top = types.Range(types.Position(0, 0), types.Position(0, 0))
    level = types.DiagnosticSeverity.Information
    return types.Diagnostic(range=top, message=left_off_words(count), severity=level, source="jobfile")


_SYMBOLS: Final = {
    Kind.SECTION: types.SymbolKind.Namespace,
    Kind.JOB: types.SymbolKind.Function,
    Kind.STEP: types.SymbolKind.Method,
    Kind.VALUE: types.SymbolKind.Variable,
    Kind.THING: types.SymbolKind.Object,
}


def symbol_of(entry: Entry, source: Source) -> types.DocumentSymbol:
    """An entry of the outline, with all below it."""
    return types.DocumentSymbol(
        name=entry.name,
        kind=_SYMBOLS[entry.kind],
        range=to_client(source, entry.whole),
        selection_range=to_client(source, entry.own),
        detail=entry.detail or None,
        children=[symbol_of(one, source) for one in entry.children],
    )


def format_edits(text: str) -> list[types.TextEdit]:
    """The change of a whole text that `jobfile fmt` would make; none if it would not change it."""
    bare = text.removeprefix(MARK)
    done = format_source(Source("", bare))
    if done.text == bare:
        return []
    whole = Source("", text)
    end = position_of(whole, len(text))
    return [types.TextEdit(types.Range(types.Position(0, 0), end), text[: len(text) - len(bare)] + done.text)]
