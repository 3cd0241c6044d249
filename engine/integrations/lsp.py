"""The language server. It uses the same checks as the command line."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from lsprotocol import types
from pygls.exceptions import JsonRpcInvalidParams
from pygls.lsp.server import LanguageServer

from engine.integrations.lsp_places import (
    MARK,
    diagnostic_of,
    format_edits,
    left_off_note,
    markdown,
    path_of,
    position_of,
    sound,
    symbol_of,
    text_edits,
    to_client,
    to_offset,
    uri_of,
)
from engine.ports import Clock
from engine.sources.file_sets import case_files_of, is_job_file, set_of
from engine.sources.shell_syntax import SyntaxChecker
from jobfile import __version__
from jobfile.diagnostics.diagnostic import Diagnostic, DocumentPath, Edit, Severity, most_severe
from jobfile.diagnostics.source import Source, Span
from jobfile.editor.complete import complete
from jobfile.editor.cursor import find_cursor
from jobfile.editor.hover import hover, name_at
from jobfile.editor.names import definition_in_template, definition_of, named_kind
from jobfile.editor.outline import outline
from jobfile.editor.rename import Named, RenameError, case_places, named_at, rename_edits
from jobfile.files.fileset import FileSet
from jobfile.fixing.edits import apply_fixes, edited, fix_for
from jobfile.pipeline import Looked, check_files
from jobfile.syntax.document import Document, parse_document

QUIET_SECONDS: Final = 0.15
"""Files are checked after this many seconds without typing."""

UNSET: Final = "JF430"
"""A script reads a variable that nothing sets: after a rename, the variable of the old name."""


@dataclass
class _State:
    """The open files: the last check of each, and the last one in which the file could be read."""

    clock: Clock
    shells: SyntaxChecker = field(default_factory=SyntaxChecker)
    looks: dict[str, Looked] = field(default_factory=dict)
    good: dict[str, FileSet] = field(default_factory=dict)
    waiting: dict[str, asyncio.TimerHandle] = field(default_factory=dict)
    published: dict[str, set[str]] = field(default_factory=dict)


def make_server(clock: Clock) -> LanguageServer:
    """A server with all its features; `clock` gives the start for next fires."""
    # Whole texts and no changes: pygls applies changes by Python's line ends, which are more than YAML's.
    server = LanguageServer("jobfile", __version__, text_document_sync_kind=types.TextDocumentSyncKind.Full)
    state = _State(clock)
    _add_texts(server, state)
    _add_answers(server, state)
    _add_fixes(server, state)
    _add_formatting(server, state)
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
        for published in state.published.pop(uri, set()) | {uri}:
            _publish(server, published, [])
        state.looks.pop(uri, None)


def _look(server: LanguageServer, state: _State, uri: str) -> Looked:
    """Check the set that a file belongs to, and publish the findings in each of its files."""
    state.waiting.pop(uri, None)
    found = set_of(path_of(uri), _open_texts(server))
    looked = check_files(
        found.files, outside=found.outside, now=state.clock.now(), ask_shells=state.shells.check
    )
    state.looks[uri] = looked
    if looked.files is not None:
        state.good[uri] = looked.files
    by_file: dict[str, list[types.Diagnostic]] = {name: [] for name, _ in found.files}
    is_ours = len(found.files) > 1 or is_job_file(path_of(uri), _text(server, uri))
    published = (
        one
        for one in looked.diagnostics
        if one.suppressed is None and one.severity is not Severity.INFO and one.file in by_file
    )
    shown, left_off = most_severe(published if is_ours else ())
    for one in shown:
        by_file[one.file].append(diagnostic_of(one, looked))
    if left_off:
        by_file[shown[0].file].append(left_off_note(left_off))
    for name, diagnostics in by_file.items():
        _publish(server, uri_of(name, uri), diagnostics)
    now_published = {uri_of(name, uri) for name in by_file}
    for gone in state.published.get(uri, set()) - now_published:
        _publish(server, gone, [])
    state.published[uri] = now_published
    return looked


def _open_texts(server: LanguageServer) -> dict[str, str]:
    """The texts of the open files, by their absolute paths."""
    return {str(path_of(one.uri)): sound(one.source) for one in server.workspace.text_documents.values()}


def _text(server: LanguageServer, uri: str) -> str:
    return sound(server.workspace.get_text_document(uri).source)


def _publish(server: LanguageServer, uri: str, diagnostics: list[types.Diagnostic]) -> None:
    server.text_document_publish_diagnostics(types.PublishDiagnosticsParams(uri=uri, diagnostics=diagnostics))


def _looked(server: LanguageServer, state: _State, uri: str) -> Looked:
    return state.looks.get(uri) or _look(server, state, uri)


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
    path = path_of(uri)
    text = _text(server, uri).removeprefix(MARK)
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
            bad=[(one.file, one.path) for one in asked.looked.diagnostics if one.is_error],
        )
        content = markdown(text)
        return None if content is None else types.Hover(content)

    @server.feature(
        types.TEXT_DOCUMENT_COMPLETION, types.CompletionOptions(trigger_characters=[" ", ".", "{", "|", "["])
    )
    def completed(params: types.CompletionParams) -> types.CompletionList:
        asked = _asked(server, state, params.text_document.uri, params.position)
        cursor = find_cursor(asked.source.text, asked.offset)
        start = position_of(asked.source, asked.offset - len(cursor.word))
        items = [
            types.CompletionItem(
                label=one.label,
                kind=types.CompletionItemKind.Property if one.is_key else types.CompletionItemKind.Value,
                documentation=markdown(one.about),
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
        uri = uri_of(document.source.name, params.text_document.uri)
        return types.Location(uri, to_client(document.source, document.key_span(where)))


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
        name = str(path_of(uri))
        own = [one for one in looked.diagnostics if one.file == name and one.suppressed is None]
        only = params.context.only
        actions = []
        if only is None or types.CodeActionKind.QuickFix in only:
            actions += [action for one in own for action in _fixes(one, looked, uri, params.range)]
        if only is None or types.CodeActionKind.SourceFixAll in only or types.CodeActionKind.Source in only:
            actions += _fix_all(own, looked, uri)
        return actions


def _add_formatting(server: LanguageServer, state: _State) -> None:
    """The layout of `jobfile fmt`, and the outline."""

    @server.feature(types.TEXT_DOCUMENT_FORMATTING)
    def formatted(params: types.DocumentFormattingParams) -> list[types.TextEdit]:
        uri = params.text_document.uri
        text = _text(server, uri)
        is_ours = is_job_file(path_of(uri), text) or len(set_of(path_of(uri), _open_texts(server)).files) > 1
        return format_edits(text) if is_ours else []

    @server.feature(types.TEXT_DOCUMENT_DOCUMENT_SYMBOL)
    def outlined(params: types.DocumentSymbolParams) -> list[types.DocumentSymbol]:
        uri = params.text_document.uri
        looked = _looked(server, state, uri)
        documents = () if looked.files is None else looked.files.documents
        source = next((one.source for one in documents if Path(one.source.name) == path_of(uri)), None)
        document = None if source is None else parse_document(source)[0]
        return [] if document is None else [symbol_of(one, document.source) for one in outline(document)]


def _add_renames(server: LanguageServer, state: _State) -> None:
    """Rename a job, a param or a step in all files."""

    @server.feature(types.TEXT_DOCUMENT_PREPARE_RENAME)
    def prepared(params: types.PrepareRenameParams) -> types.Range | None:
        asked = _asked(server, state, params.text_document.uri, params.position)
        found = _named(asked)
        return None if found is None else to_client(asked.source, found[1])

    @server.feature(types.TEXT_DOCUMENT_RENAME, types.RenameOptions(prepare_provider=True))
    def renamed(params: types.RenameParams) -> types.WorkspaceEdit | None:
        uri = params.text_document.uri
        asked = _asked(server, state, uri, params.position)
        found = _named(asked)
        if found is None or asked.files is None:
            return None
        try:
            edits = _rename(server, asked.looked, asked.files, found[0], params.new_name)
        except RenameError as error:
            raise JsonRpcInvalidParams(str(error)) from error
        changes: dict[str, list[types.TextEdit]] = {}
        for source, edit in edits:
            change = types.TextEdit(to_client(source, edit.span), edit.text)
            changes.setdefault(uri_of(source.name, uri), []).append(change)
        return types.WorkspaceEdit(changes=changes)


def _named(asked: _Asked) -> tuple[Named, Span] | None:
    if asked.files is None or asked.document is None:
        return None
    return named_at(asked.files, asked.document, asked.place()[0], asked.offset)


def _rename(
    server: LanguageServer, looked: Looked, files: FileSet, named: Named, new: str
) -> list[tuple[Source, Edit]]:
    """The changes of a rename. Raises RenameError if it is not possible, or would break something."""
    if not looked.is_valid:
        raise RenameError("these files have errors, so a rename could miss a place: fix the errors first")
    places = rename_edits(files, named, new)
    main, texts = Path(files.main.source.name), _open_texts(server)
    changed: dict[str, list[Edit]] = {name: [] for name in looked.sources}
    edits = [(one.source, Edit(span=one.span, text=one.text(new))) for one in places]
    for source, edit in edits:
        changed[source.name].append(edit)
    after = check_files(
        [(name, edited(looked.sources[name], some).encode()) for name, some in changed.items()]
    )
    unset = {one.path for one in looked.diagnostics if one.code == UNSET}
    broken = next(
        (one for one in after.diagnostics if one.is_error or (one.code == UNSET and one.path not in unset)),
        None,
    )
    if broken is not None:
        place = f"{broken.file}:{broken.span.start.line}"
        raise RenameError(f"this rename would break {place}: {broken.message}; rename it by hand")
    for name, content in case_files_of(main, texts):
        document = parse_document(Source(name, content.decode(errors="replace").removeprefix(MARK)))[0]
        if document is not None and _is_about(document, main):
            edits += [(one.source, Edit(span=one.span, text=new)) for one in case_places(document, named)]
    return edits


def _is_about(document: Document, main: Path) -> bool:
    """Whether a case file is about the jobs of this main file."""
    named = document.text(("jobs",))
    return not named or (Path(document.source.name).parent / named).resolve() == main.resolve()


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
            diagnostics=[diagnostic_of(one, looked)],
            is_preferred=fix.safe,
            edit=types.WorkspaceEdit(changes={uri: text_edits(source, fix.edits)}),
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
            edit=types.WorkspaceEdit(changes={uri: text_edits(source, edits)}),
        )
