"""Properties that must hold for any bytes: nothing raises, places are
inside the file, results are repeatable.
"""

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from jobfile.diagnostics.diagnostic import CODES, Diagnostic
from jobfile.diagnostics.source import Source, Span
from jobfile.fixing.fix_loop import fix_file
from jobfile.model.canonical import spec_from_json, spec_to_json
from jobfile.pipeline import Compiled, File, compile_files
from jobfile.render.ci import render_github, render_gitlab, render_sarif, render_summary
from jobfile.render.redact import without_secrets
from jobfile.render.style import COLOURED, PLAIN
from jobfile.render.text import render_short, render_text, summary_line, to_json, to_json_line

TODAY = datetime(2026, 11, 24, tzinfo=UTC)
MAX_SHOWN = 200_000
"""Maximum length of all findings about one small file, in characters."""


def examine(files: Sequence[File], *, mends: bool = True) -> Compiled:
    """Check files in all ways; raises AssertionError for a mistake of jobfile itself."""
    looked = compile_files(files, now=TODAY)
    again = compile_files(files, now=TODAY)
    assert looked.diagnostics == again.diagnostics, "the same bytes gave another result"
    names = {name for name, _ in files}
    for one in looked.diagnostics:
        assert one.code in CODES
        assert one.file in names
        _is_placed(one, looked.sources.get(one.file))
    _is_shown(looked)
    is_wrong = any(one.is_error for one in looked.diagnostics)
    assert (looked.catalog is None) == is_wrong, "there must be either a catalog or an error"
    if looked.catalog is not None and again.catalog is not None:
        assert looked.catalog.digest == again.catalog.digest
        for job in looked.catalog.jobs:
            assert spec_from_json(job.canonical) == job.spec
            assert spec_to_json(spec_from_json(job.canonical)) == job.canonical
    if mends:
        _is_mended(files, looked)
    return looked


def _is_placed(one: Diagnostic, source: Source | None) -> None:
    spans = [one.span, *(label.span for label in one.related)]
    spans += [edit.span for fix in one.fixes for edit in fix.edits]
    for span in spans:
        assert span.start.line >= 1
        assert span.start.column >= 1
        assert span.start <= span.end, one
        if source is not None:
            _is_inside(span, source)


def _is_inside(span: Span, source: Source) -> None:
    for place in (span.start, span.end):
        assert 0 <= place.offset <= len(source.text)
        assert source.position(place.offset) == place


def _is_shown(looked: Compiled) -> None:
    found = looked.diagnostics
    sources = without_secrets(found, looked.sources)
    for style, width in ((PLAIN, 100), (COLOURED, 1)):
        text = render_text(found, sources=sources, style=style, width=width)
        text.encode()
        if not style.is_coloured:
            assert all(sign == "\n" or sign.isprintable() or not sign.isascii() for sign in text)
    render_short(found).encode()
    summary_line(found, files=1, jobs=1)
    assert json.dumps(to_json(found, sources=sources, files=list(sources)))
    for one in found:
        assert "\n" not in to_json_line(one, sources=sources)
    log = render_text(found, sources=sources)
    for text in (render_github(found, log=log), render_summary(log)):
        text.encode()
    json.loads(render_gitlab(found))
    json.loads(render_sarif(found, version="0"))


def _is_mended(files: Sequence[File], looked: Compiled) -> None:
    if not any(one.fixes for one in looked.diagnostics):
        return
    for name, content in files:
        for unsafe in (False, True):
            fixed = fix_file(name, content, unsafe=unsafe, files=files)
            assert bool(fixed.fixed) == (fixed.content != content)
            if not fixed.fixed:
                continue
            after = compile_files([(one, fixed.content if one == name else old) for one, old in files])
            assert after.sources.get(name) is not None
            if looked.catalog is not None:
                assert after.catalog is not None, "a fix made a good file bad"


def split_files(content: bytes) -> list[File]:
    """One text as several files: a line `# file: NAME` begins the next one."""
    first, *rest = content.split(b"\n# file: ")
    files = [("jobs.yaml", first)]
    for number, part in enumerate(rest, 1):
        _, _, text = part.partition(b"\n")
        files.append((f"jobs/{number}.yaml", text))
    return files


def all_errors(diagnostics: Iterable[Diagnostic]) -> list[tuple[str, int, int]]:
    """The errors with their lines and columns."""
    return [(one.code, one.span.start.line, one.span.start.column) for one in diagnostics if one.is_error]
