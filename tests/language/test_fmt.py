"""The one layout: golden pairs found by listing, and what holds for every text however it was laid out."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jobfile.diagnostics.source import Source
from jobfile.fixing.format import Formatted, format_source
from jobfile.syntax.document import parse_document
from tests.known import known_files
from tests.soak import examples
from tests.together import together

PAIRS = known_files("tests/language/fmt", "*.before.yaml")
GOOD = [*known_files("samples", "*.yaml"), *known_files("tests/language/cases/ok", "*.yaml")]


def laid_out(text: str) -> Formatted:
    return format_source(Source("jobs.yaml", text))


def tree_of(text: str) -> object:
    document, problems = parse_document(Source("jobs.yaml", text))
    assert document is not None, problems
    return ordered(document.tree)


def ordered(tree: object) -> object:
    if isinstance(tree, dict):
        return [(key, ordered(value)) for key, value in tree.items()]
    return [ordered(one) for one in tree] if isinstance(tree, list) else (type(tree), tree)


@pytest.mark.parametrize("path", PAIRS, ids=lambda path: path.stem)
def test_a_text_is_laid_out_as_agreed(path: Path) -> None:
    done = laid_out(path.read_text())
    assert not done.problem
    assert done.text == path.with_name(path.name.replace(".before.", ".after.")).read_text()


@together("path", GOOD)
def test_good_files_keep_their_meaning(path: Path) -> None:
    text = path.read_text().split("# file: ")[0]
    done = laid_out(text)
    assert not done.problem
    assert tree_of(done.text) == tree_of(text)
    assert laid_out(done.text).text == done.text


BLOCKS = st.sampled_from(["|", ">", "|-", ">-", "|+", "|2", "| # header"])
PLAIN = st.sampled_from(
    ["a", "no", "0755", "1.10", "22:30", "two words", "x: y".replace(": ", ":"), "~", "true", "2026-01-01"]
)
QUOTED = st.sampled_from(['"a b"', "'it''s'", '"# no comment"', '"tab\\t"', "''"])
FLOW = st.sampled_from(
    ["[a, b]", "{a:   1, b: [c]}", "{a:  , 'b':1}", "[]", "{}", '["x", no]', "[a,\n   b,   # note\n c]"]
)
COMMENT = st.sampled_from(["", "", "", " # note", "    # far", "  #tight"])
LEAD = st.sampled_from(["", "", "", "\n", "\n\n\n", "# alone\n", "   # odd place\n", "\n# both\n\n"])
TEXT_LINES = st.lists(
    st.sampled_from(["text", "  more", "", "# no comment", "key: value", "- item", "trailing  "]),
    min_size=1,
    max_size=5,
)


@st.composite
def blocks(draw: st.DrawFn, indent: int, depth: int) -> str:
    """A block map or list at a column, in any layout that YAML allows."""
    is_list = depth > 0 and draw(st.booleans())
    pad = " " * indent
    parts = []
    for number in range(draw(st.integers(1, 3))):
        lead = draw(LEAD)
        if is_list:
            gap = draw(st.sampled_from([" ", "   "]))
            parts.append(f"{lead}{pad}-{gap}{draw(values(indent, indent, depth))}")
        else:
            key = draw(st.sampled_from(["k", '"q"', "no", "long key"])) + str(number)
            key = key if not key.startswith('"') else f'"q{number}"'
            inner = indent if depth else 0
            parts.append(f"{lead}{pad}{key}:{draw(values(inner, indent, depth, after_key=True))}")
    return "".join(parts)


@st.composite
def values(draw: st.DrawFn, least: int, indent: int, depth: int, after_key: bool = False) -> str:
    """The text after a key or a dash, with the line end."""
    kind = draw(st.sampled_from(["plain", "quoted", "flow", "block", "nested", "nested"]))
    space = draw(st.sampled_from([" ", " ", "    ", "  \t "])) if after_key else ""
    if kind == "nested" and depth < 4:
        step = draw(st.integers(1, 5))
        return f"{draw(COMMENT)}\n" + draw(blocks(indent + step, depth + 1))
    if kind == "block":
        header = draw(BLOCKS)
        step = 2 if "2" in header else draw(st.integers(1, 4))
        lines = draw(TEXT_LINES)
        if not lines[0].strip() or lines[0].startswith(" "):
            lines = ["first", *lines]
        return f"{space}{header}\n" + "".join(
            f"{' ' * (indent + step)}{line}\n" if line else "\n" for line in lines
        )
    text = draw({"plain": PLAIN, "quoted": QUOTED, "flow": FLOW}.get(kind, PLAIN))
    text = text.replace("\n", "\n" + " " * (indent + 1))
    return f"{space}{text}{draw(COMMENT)}\n"


@settings(deadline=None, max_examples=examples(200), suppress_health_check=list(HealthCheck))
@given(blocks(0, 0), st.sampled_from(["\n", "\r\n"]))
def test_any_layout_becomes_the_one_and_means_the_same(text: str, line_end: str) -> None:
    text = text.replace("\n", line_end)
    document, problems = parse_document(Source("jobs.yaml", text))
    if document is None or problems:
        assert laid_out(text).text == text
        return
    done = laid_out(text)
    assert not done.problem, text
    assert tree_of(done.text) == tree_of(text)
    assert laid_out(done.text).text == done.text
    assert ("\r\n" in done.text) == (line_end == "\r\n")
    assert done.text.count("#") == text.count("#"), "no comment is lost"


@settings(deadline=None, max_examples=examples(150))
@given(st.text(alphabet=st.sampled_from("ab:- \n#[]{}|>'\"&*?,!\t")))
def test_nothing_raises_and_no_meaning_changes(text: str) -> None:
    done = laid_out(text)
    if done.text != text:
        assert tree_of(done.text) == tree_of(text)
        assert laid_out(done.text).text == done.text


def test_a_file_with_mistakes_is_not_changed() -> None:
    text = "version: 1\n\n\njobs:\n    a: [1\n"
    done = laid_out(text)
    assert done.text == text
    assert [one.is_error for one in done.diagnostics] == [True]
