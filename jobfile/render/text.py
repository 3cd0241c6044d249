"""Shows diagnostics as excerpts with carets, as lines, or as JSON."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from jobfile.diagnostics.diagnostic import Diagnostic, Edit, Label, Severity, left_off_words, most_severe
from jobfile.diagnostics.excerpt import LONG_LINE, Mark, Row, excerpt, visible
from jobfile.diagnostics.source import Position, Source, Span
from jobfile.model.counts import many
from jobfile.render.style import PLAIN, Style, Tone

JSON_FORMAT: Final = 1
"""Version of the JSON form; it changes when the old reader would misread the new form."""

_TONES: Final = {Severity.ERROR: Tone.BAD, Severity.WARNING: Tone.DOUBTFUL, Severity.INFO: Tone.ACTIVE}
_GUTTER: Final = (Tone.STRONG, Tone.MARGIN)


def render_text(
    diagnostics: Iterable[Diagnostic],
    *,
    sources: Mapping[str, Source],
    style: Style = PLAIN,
    width: int = 120,
) -> str:
    """Each finding with excerpt, notes and help, a blank line between two; excerpts are cut to `width`."""
    shown, left_off = most_severe(diagnostics)
    blocks = ["\n".join(_text_lines(one, sources.get(one.file), style=style, width=width)) for one in shown]
    blocks += [left_off_words(left_off)] if left_off else []
    return "".join(f"{block}\n" for block in _parted(blocks))


def render_short(diagnostics: Iterable[Diagnostic]) -> str:
    """One line per finding, for editors: `jobs.yaml:8:17: error JF201: unknown step …`."""
    shown, left_off = most_severe(diagnostics)
    lines = [f"{_arrow(one)}: {one.severity} {one.code}: {visible(one.message)}" for one in shown]
    lines += [left_off_words(left_off)] if left_off else []
    return "".join(f"{line}\n" for line in lines)


def summary_line(diagnostics: Iterable[Diagnostic], *, files: int, jobs: int) -> str:
    """`2 errors, 1 warning in 3 files, 41 jobs`."""
    found = [one.severity for one in diagnostics]
    counts = [
        many(found.count(level), word)
        for level, word in (
            (Severity.ERROR, "error"),
            (Severity.WARNING, "warning"),
            (Severity.INFO, "remark"),
        )
        if level in found
    ]
    return f"{', '.join(counts) or 'no errors'} in {many(files, 'file')}, {many(jobs, 'job')}"


def to_json(
    diagnostics: Sequence[Diagnostic], *, sources: Mapping[str, Source], files: Sequence[str]
) -> dict[str, object]:
    """All findings as one object, in the form of schemas/diagnostic.schema.json."""
    errors = sum(one.severity is Severity.ERROR for one in diagnostics)
    shown, left_off = most_severe(diagnostics)
    return {
        "format": JSON_FORMAT,
        "valid": errors == 0,
        "errors": errors,
        "warnings": sum(one.severity is Severity.WARNING for one in diagnostics),
        "files": list(files),
        "diagnostics": [_json(one, sources.get(one.file)) for one in shown],
        **({"left_off": left_off} if left_off else {}),
    }


def to_json_line(diagnostic: Diagnostic, *, sources: Mapping[str, Source]) -> str:
    """One finding as one line of JSON, without a line end."""
    return json.dumps(_json(diagnostic, sources.get(diagnostic.file)))


def _text_lines(one: Diagnostic, source: Source | None, *, style: Style, width: int) -> Iterator[str]:
    tones = (Tone.STRONG, _TONES[one.severity])
    marks = [
        Mark(span=one.span, text=one.label.strip(), is_primary=True),
        *(Mark(span=label.span, text=label.text.strip(), is_primary=False) for label in one.related),
    ]
    digits = len(str(max(mark.span.start.line for mark in marks)))
    gutter = style.paint(" " * (digits + 2) + "|", *_GUTTER)
    header = style.paint(f"{one.severity}[{one.code}]", *tones)
    yield header + style.paint(f": {visible(one.message)}", Tone.STRONG)
    yield style.paint(" " * (digits + 1) + "-->", *_GUTTER) + f" {_arrow(one)}"
    yield gutter
    if source is not None:
        for row in excerpt(source, marks, width=max(1, width - digits - 4)):
            yield _excerpt_line(row, digits, tones, style=style)
        yield gutter
    sign = style.paint(" " * (digits + 2) + "=", *_GUTTER)
    for word, text in _remarks(one):
        first, *rest = map(visible, text.split("\n"))
        yield f"{sign} {style.paint(word, Tone.STRONG)}: {first}"
        yield from (f"{' ' * (digits + 6)}{line}" for line in rest)


def _excerpt_line(row: Row | None, digits: int, tones: tuple[Tone, ...], *, style: Style) -> str:
    if row is None:
        return style.paint("...", *_GUTTER)
    number = "" if row.number is None else str(row.number)
    start = style.paint(f" {number:>{digits}} |", *_GUTTER)
    paints: dict[bool | None, tuple[Tone, ...]] = {True: tones, False: _GUTTER, None: ()}
    text = "".join(style.paint(part, *paints[by]) for part, by in row.parts)
    return f"{start} {text}" if text.strip() else start


def _remarks(one: Diagnostic) -> Iterator[tuple[str, str]]:
    for note in one.notes:
        yield "note", note
    for help_ in one.help:
        yield "help", help_
    yield "more", _docs(one)


def _arrow(one: Diagnostic) -> str:
    return f"{visible(one.file)}:{one.span.start.line}:{one.span.start.column}"


def _docs(one: Diagnostic) -> str:
    return f"jobfile explain {one.code}"


def _parted(blocks: Iterable[str]) -> Iterator[str]:
    for index, block in enumerate(blocks):
        yield f"\n{block}" if index else block


def _json(one: Diagnostic, source: Source | None) -> dict[str, object]:
    return {
        "code": one.code,
        "severity": str(one.severity),
        "message": one.message,
        "file": one.file,
        "path": list(one.path),
        "range": _json_range(one.span),
        "label": one.label or None,
        "related": [_json_label(label) for label in one.related],
        "notes": list(one.notes),
        "help": list(one.help),
        "fixes": [
            {"title": fix.title, "safe": fix.safe, "edits": [_json_edit(edit) for edit in fix.edits]}
            for fix in one.fixes
        ],
        "docs": _docs(one),
        "snippet": _snippet(one.span, source),
    }


def _json_range(span: Span) -> dict[str, object]:
    def place(position: Position) -> dict[str, int]:
        return {"line": position.line, "col": position.column, "offset": position.offset}

    return {"start": place(span.start), "end": place(span.end)}


def _json_label(label: Label) -> dict[str, object]:
    return {"range": _json_range(label.span), "label": label.text or None}


def _json_edit(edit: Edit) -> dict[str, object]:
    def place(position: Position) -> dict[str, int]:
        return {"line": position.line, "col": position.column}

    return {"range": {"start": place(edit.span.start), "end": place(edit.span.end)}, "text": edit.text}


def _snippet(span: Span, source: Source | None) -> str | None:
    """The line on which a span begins, or the first part of a very long line; None without a source."""
    if source is None or span.start.line > len(source.line_starts):
        return None
    return source.line(span.start.line)[:LONG_LINE]
