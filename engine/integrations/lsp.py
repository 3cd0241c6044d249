"""The language server, and the only module that imports pygls. It uses the same checks as the command line.

Columns in jobfile are code points from 1, and those in the protocol are UTF-16 units from 0. They are
converted here.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from lsprotocol import types
from pygls import uris
from pygls.exceptions import JsonRpcInvalidParams
from pygls.lsp.server import LanguageServer

from engine.ports import Clock
from engine.sources.file_sets import is_job_file, set_of
from engine.sources.shell_syntax import SyntaxChecker
from jobfile import __version__
from jobfile.diagnostics.diagnostic import (
    Diagnostic,
    DocumentPath,
    Edit,
    Severity,
    left_off_words,
    most_severe,
)
from jobfile.diagnostics.source import Source, Span
from jobfile.editor.complete import complete
from jobfile.editor.cursor import find_cursor
from jobfile.editor.hover import hover, name_at
from jobfile.editor.names import definition_in_template, definition_of, named_kind
from jobfile.editor.rename import RenameError, job_named_at, rename_edits
from jobfile.files.fileset import FileSet
from jobfile.fixing.edits import apply_fixes, fix_for
from jobfile.pipeline import Looked, check_files
from jobfile.syntax.document import Document

QUIET_SECONDS: Final = 0.15
"""Files are checked after this many seconds without typing."""

_LEVELS: Final = {
    Severity.ERROR: types.DiagnosticSeverity.Error,
    Severity.WARNING: types.DiagnosticSeverity.Warning,
    Severity.INFO: types.DiagnosticSeverity.Information,
}


@dataclass
class _State:
    """The open files: the last check of each, and the last one in which the file could be read."""

    clock: Clock
    shells: SyntaxChecker = field(default_factory=SyntaxChecker)
    looks: dict[str, Looked] = field(default_factory=dict)
    good: dict[str, FileSet] = field(default_factory=dict)
    waiting: dict[str, asyncio.TimerHandle] = field(default_factory=dict)
    told: dict[str, set[str]] = field(default_factory=dict)


def make_server(clock: Clock) -> LanguageServer:
    """A server with all its features; `clock` gives the start for next fires."""
    # Whole texts and no changes: pygls applies changes by Python's line ends, which are more than YAML's.
    server = LanguageServer("jobfile", __version__, text_document_sync_kind=types.TextDocumentSyncKind.Full)
    state = _State(clock)
    _add_texts(server, state)
    _add_answers(server, state)
    _add_fixes(server, state)
    _add_renames(server, state)
    return server


def _add_texts(server: LanguageServer, state: _State) -> None:
    """Diagnostics as you type."""

    @server.feature(types.TEXT_DOCUMENT_DID_OPEN)
    def opened(params: types.DidOpenTextDocumentParams) -> None:
        _look(server, state, params.text_document.uri)

    @server.feature(types.TEXT_DOCUMENT_DID_SAVE)
    def saved(params: types.DidSaveTextDocumentParams) -> None:
        _look(server, state, params.text_document.uri)

    @server.feature(types.TEXT_DOCUMENT_DID_CHANGE)
    def changed(params: types.DidChangeTextDocumentParams) -> None:
        uri = params.text_document.uri
        state.looks.pop(uri, None)
        waiting = state.waiting.pop(uri, None)
        if waiting is not None:
            waiting.cancel()
        loop = asyncio.get_running_loop()
        state.waiting[uri] = loop.call_later(QUIET_SECONDS, _look, server, state, uri)

    @server.feature(types.TEXT_DOCUMENT_DID_CLOSE)
    def closed(params: types.DidCloseTextDocumentParams) -> None:
        uri = params.text_document.uri
        waiting = state.waiting.pop(uri, None)
        if waiting is not None:
            waiting.cancel()
        for told in state.told.pop(uri, set()) | {uri}:
            _publish(server, told, [])
        state.looks.pop(uri, None)


def _look(server: LanguageServer, state: _State, uri: str) -> Looked:
    """Check the set that a file belongs to, and publish the findings in each of its files."""
    state.waiting.pop(uri, None)
    path = _path(uri)
    texts = {str(_path(one.uri)): _sound(one.source) for one in server.workspace.text_documents.values()}
    found = set_of(path, texts)
    looked = check_files(
        found.files, outside=found.outside, now=state.clock.now(), ask_shells=state.shells.check
    )
    state.looks[uri] = looked
    if looked.files is not None:
        state.good[uri] = looked.files
    by_file: dict[str, list[types.Diagnostic]] = {name: [] for name, _ in found.files}
    is_ours = len(found.files) > 1 or is_job_file(path, texts.get(str(path), ""))
    told = (
        one
        for one in looked.diagnostics
        if one.suppressed is None and one.severity is not Severity.INFO and one.file in by_file
    )
    shown, left_off = most_severe(told if is_ours else ())
    for one in shown:
        by_file[one.file].append(_diagnostic(one, looked))
    if left_off:
        by_file[shown[0].file].append(_left_off(left_off))
    for name, diagnostics in by_file.items():
        _publish(server, _uri(name, uri), diagnostics)
    now_told = {_uri(name, uri) for name in by_file}
    for gone in state.told.get(uri, set()) - now_told:
        _publish(server, gone, [])
    state.told[uri] = now_told
    return looked


def _left_off(count: int) -> types.Diagnostic:
    """A note at the top of a file: more findings exist than are shown."""
    top = types.Range(types.Position(0, 0), types.Position(0, 0))
    level = types.DiagnosticSeverity.Information
    return types.Diagnostic(range=top, message=left_off_words(count), severity=level, source="jobfile")


def _sound(text: str) -> str:
    """The text with a replacement for each unpaired UTF-16 surrogate."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _publish(server: LanguageServer, uri: str, diagnostics: list[types.Diagnostic]) -> None:
    server.text_document_publish_diagnostics(types.PublishDiagnosticsParams(uri=uri, diagnostics=diagnostics))


def _looked(server: LanguageServer, state: _State, uri: str) -> Looked:
    return state.looks.get(uri) or _look(server, state, uri)


def _path(uri: str) -> Path:
    return Path(uris.to_fs_path(uri) or "jobs.yaml")


def _uri(name: str, like: str) -> str:
    """The URI of a file. For the requested file it is the editor's own spelling."""
    return like if Path(name) == _path(like) else (uris.from_fs_path(name) or like)


# --- places: code points from 1 here, UTF-16 units from 0 there


def to_client(source: Source, span: Span) -> types.Range:
    """A span as a range of the protocol."""
    return types.Range(_position(source, span.start.offset), _position(source, span.end.offset))


def _position(source: Source, offset: int) -> types.Position:
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


def _diagnostic(one: Diagnostic, looked: Looked) -> types.Diagnostic:
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


# --- answers


@dataclass(frozen=True)
class _Asked:
    """A request about a place: the text, the offset, and the last check of the files."""

    looked: Looked
    files: FileSet | None
    document: Document | None
    source: Source
    offset: int

    def place(self) -> tuple[DocumentPath, bool]:
        """The path of the value at the offset, and whether the offset is in its key."""
        if self.document is None:
            cursor = find_cursor(self.source.text, self.offset)
            return cursor.path, not cursor.is_value
        return self.document.path_at(self.offset)


def _asked(server: LanguageServer, state: _State, uri: str, position: types.Position) -> _Asked:
    looked = _looked(server, state, uri)
    path = _path(uri)
    text = _sound(server.workspace.get_text_document(uri).source).removeprefix("\ufeff")
    source = Source(str(path), text)
    files = looked.files or state.good.get(uri)
    documents = looked.files.documents if looked.files is not None else ()
    document = next((one for one in documents if Path(one.source.name) == path), None)
    return _Asked(looked, files, document, source, to_offset(source, position))


def _add_answers(server: LanguageServer, state: _State) -> None:
    """Hover, completion, go to definition."""

    @server.feature(types.TEXT_DOCUMENT_HOVER)
    def hovered(params: types.HoverParams) -> types.Hover | None:
        asked = _asked(server, state, params.text_document.uri, params.position)
        if asked.files is None:
            return None
        path, is_key = asked.place()
        text = hover(
            asked.files,
            path,
            is_key=is_key,
            name=name_at(asked.source.text, asked.offset),
            now=state.clock.now(),
            is_good=asked.looked.is_valid,
        )
        content = _markdown(text)
        return None if content is None else types.Hover(content)

    @server.feature(
        types.TEXT_DOCUMENT_COMPLETION, types.CompletionOptions(trigger_characters=[" ", ".", "{", "|", "["])
    )
    def completed(params: types.CompletionParams) -> types.CompletionList:
        asked = _asked(server, state, params.text_document.uri, params.position)
        cursor = find_cursor(asked.source.text, asked.offset)
        start = _position(asked.source, asked.offset - len(cursor.word))
        items = [
            types.CompletionItem(
                label=one.label,
                kind=types.CompletionItemKind.Property if one.is_key else types.CompletionItemKind.Value,
                documentation=_markdown(one.about),
                text_edit=types.TextEdit(types.Range(start, params.position), one.text),
            )
            for one in complete(asked.files, asked.document, cursor)
        ]
        return types.CompletionList(is_incomplete=False, items=items)

    @server.feature(types.TEXT_DOCUMENT_DEFINITION)
    def defined(params: types.DefinitionParams) -> types.Location | None:
        asked = _asked(server, state, params.text_document.uri, params.position)
        if asked.files is None or asked.document is None:
            return None
        path, is_key = asked.place()
        name = name_at(asked.source.text, asked.offset)
        kind = None if is_key else named_kind(path)
        if name:
            place = definition_in_template(asked.files, name, path)
        else:
            text = asked.document.text(path)
            place = definition_of(asked.files, kind, text, path) if kind is not None else None
        if place is None:
            return None
        document, where = place
        uri = _uri(document.source.name, params.text_document.uri)
        return types.Location(uri, to_client(document.source, document.key_span(where)))


def _markdown(text: str) -> types.MarkupContent | None:
    return types.MarkupContent(types.MarkupKind.Markdown, text) if text else None


# --- changes


def _add_fixes(server: LanguageServer, state: _State) -> None:
    """Quick fixes, one by one or all the safe ones."""

    @server.feature(
        types.TEXT_DOCUMENT_CODE_ACTION,
        types.CodeActionOptions(
            code_action_kinds=[types.CodeActionKind.QuickFix, types.CodeActionKind.SourceFixAll]
        ),
    )
    def acted(params: types.CodeActionParams) -> list[types.CodeAction]:
        uri = params.text_document.uri
        looked = _looked(server, state, uri)
        name = str(_path(uri))
        own = [one for one in looked.diagnostics if one.file == name and one.suppressed is None]
        only = params.context.only
        actions = []
        if only is None or types.CodeActionKind.QuickFix in only:
            actions += [action for one in own for action in _fixes(one, looked, uri, params.range)]
        if only is None or types.CodeActionKind.SourceFixAll in only or types.CodeActionKind.Source in only:
            actions += _fix_all(own, looked, uri)
        return actions


def _add_renames(server: LanguageServer, state: _State) -> None:
    """Rename a job in all files."""

    @server.feature(types.TEXT_DOCUMENT_PREPARE_RENAME)
    def prepared(params: types.PrepareRenameParams) -> types.Range | None:
        asked = _asked(server, state, params.text_document.uri, params.position)
        if asked.files is None or asked.document is None:
            return None
        path, is_key = asked.place()
        found = job_named_at(asked.files, asked.document, path, is_key=is_key)
        return None if found is None else to_client(asked.source, found[1])

    @server.feature(types.TEXT_DOCUMENT_RENAME, types.RenameOptions(prepare_provider=True))
    def renamed(params: types.RenameParams) -> types.WorkspaceEdit | None:
        uri = params.text_document.uri
        asked = _asked(server, state, uri, params.position)
        if asked.files is None or asked.document is None:
            return None
        path, is_key = asked.place()
        found = job_named_at(asked.files, asked.document, path, is_key=is_key)
        if found is None:
            return None
        try:
            edits = rename_edits(asked.files, found[0], params.new_name)
        except RenameError as error:
            raise JsonRpcInvalidParams(str(error)) from error
        changes: dict[str, list[types.TextEdit]] = {}
        for source, span in edits:
            edit = types.TextEdit(to_client(source, span), params.new_name)
            changes.setdefault(_uri(source.name, uri), []).append(edit)
        return types.WorkspaceEdit(changes=changes)


def _fixes(one: Diagnostic, looked: Looked, uri: str, wanted: types.Range) -> Iterable[types.CodeAction]:
    """The fixes of a finding that overlaps a range."""
    source = looked.sources[one.file]
    range_ = to_client(source, one.span)
    if range_.end < wanted.start or wanted.end < range_.start:
        return
    for fix in one.fixes:
        yield types.CodeAction(
            title=fix.title,
            kind=types.CodeActionKind.QuickFix,
            diagnostics=[_diagnostic(one, looked)],
            is_preferred=fix.safe,
            edit=types.WorkspaceEdit(changes={uri: _edits(source, fix.edits)}),
        )


def _fix_all(own: list[Diagnostic], looked: Looked, uri: str) -> Iterable[types.CodeAction]:
    """One action with every safe fix of a file."""
    if not own:
        return
    source = looked.sources[own[0].file]
    _, applied, _ = apply_fixes(source, own, unsafe=False)
    fixes = [fix for one in applied if (fix := fix_for(one, unsafe=False)) is not None]
    if fixes:
        edits = sorted((edit for fix in fixes for edit in fix.edits), key=lambda edit: edit.span)
        yield types.CodeAction(
            title="make all safe fixes",
            kind=types.CodeActionKind.SourceFixAll,
            edit=types.WorkspaceEdit(changes={uri: _edits(source, edits)}),
        )


def _edits(source: Source, edits: Iterable[Edit]) -> list[types.TextEdit]:
    line_end = "\r\n" if "\r\n" in source.text else "\n"
    return [
        types.TextEdit(to_client(source, edit.span), edit.text.replace("\r\n", "\n").replace("\n", line_end))
        for edit in edits
    ]
