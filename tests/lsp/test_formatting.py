"""Formatting in an editor is `jobfile fmt`, and the outline has every name at its place."""

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.integrations.lsp_places import format_edits, position_of, symbol_of, to_offset
from jobfile.diagnostics.source import Source
from jobfile.editor.outline import Entry, outline
from jobfile.fixing.format import format_source
from jobfile.syntax.document import parse_document
from tests.known import known_files
from tests.soak import examples

FILES = [path.read_text().split("# file: ")[0] for path in known_files("tests/language/cases/ok", "*.yaml")]
ODDER = [("\n", "\n\n\n"), (": ", ":   "), (" #", "    #"), ("\n", "\r\n"), ("", ""), ("run", "🚀 rum")]


@st.composite
def texts(draw: st.DrawFn) -> str:
    """A good file, laid out oddly or broken, perhaps with a byte order mark."""
    text = draw(st.sampled_from(FILES))
    for old, new in draw(st.lists(st.sampled_from(ODDER), max_size=3)):
        text = text.replace(old, new)
    return draw(st.sampled_from(["", "\ufeff"])) + text[: draw(st.sampled_from([None, -7]))]


@settings(deadline=None, max_examples=examples(30))
@given(texts())
def test_formatting_in_an_editor_is_fmt(text: str) -> None:
    mark = "\ufeff" if text.startswith("\ufeff") else ""
    expected = mark + format_source(Source("jobs.yaml", text.removeprefix(mark))).text
    edits = format_edits(text)
    assert len(edits) == (expected != text)
    source = Source("jobs.yaml", text)
    for edit in edits:
        start, end = to_offset(source, edit.range.start), to_offset(source, edit.range.end)
        assert text[:start] + edit.new_text + text[end:] == expected


def every(entries: tuple[Entry, ...]) -> list[Entry]:
    return [one for entry in entries for one in (entry, *every(entry.children))]


@settings(deadline=None, max_examples=examples(30))
@given(texts())
def test_the_outline_is_a_tree_of_places(text: str) -> None:
    source = Source("jobs.yaml", text.removeprefix("\ufeff"))
    document, _ = parse_document(source)
    for entry in every(outline(document)) if document is not None else ():
        written = source.text[entry.own.start.offset : entry.own.end.offset]
        assert written.strip("'\"") == entry.name
        symbol = symbol_of(entry, source)
        assert (
            symbol.range.start == symbol.selection_range.start == position_of(source, entry.own.start.offset)
        )
        assert symbol.selection_range.end <= symbol.range.end, "editors refuse a name outside of its thing"
        for child in entry.children:
            assert entry.whole.start <= child.whole.start
            assert child.whole.end <= entry.whole.end, "a thing is inside what contains it"
