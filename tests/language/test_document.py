"""A file as a tree, the places in it, and its limits."""

import json
import math

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from jobfile.diagnostics.diagnostic import Edit
from jobfile.diagnostics.source import Position, Source
from jobfile.render.text import render_text
from jobfile.syntax.document import (
    MAX_FILE_BYTES,
    PARSER,
    Document,
    PurePythonParser,
    decode_source,
    parse_document,
    read_events,
    read_quickly,
)
from jobfile.syntax.located_reader import (
    MAX_ALIAS_WEIGHT,
    MAX_ALIASES,
    MAX_DEPTH,
    MAX_NODES,
    MAX_PROBLEMS,
    MAX_SCALAR_BYTES,
    read_carefully,
)
from tests.known import known_files
from tests.soak import examples
from tests.together import together

SHOP = """# yaml-language-server: $schema=.jobfile.schema.json
version: 1
vars:
  rate: 1.10
  countries: [no, se, "de"]
jobs:
  welcome-email:
    description: 'Say hello, once'
    params:
      customer: {type: string, maxLength: 64}
    retry: {attempts: 5, delay: 30s, when: [exit:75, timeout]}
    timeout: 2m
    env:
      PORT: "8080"
      MODE: 0755
    run: |
      set -e
      send-mail --to {{ params.customer }}

      echo "done: $?"
"""
BACKUP = """jobs:
  db-backup:
    schedule: {cron: "30 2 * * *", timezone: Europe/Berlin}
    catchup: last
    secrets:
      PGPASSWORD: file:/run/secrets/pg
    command: [pg_dump, --file, "{{ vars.dir }}/{{ run.id }}.sql", shop]
    description: >-
      every night
      the whole shop

      kept for a month
"""
FAMILY = """x-env: &env
  TZ: UTC
  PATHS: [a, b]
jobs:
  one: {run: "true", env: *env}
  two:
    env: *env
    run: 'it''s'
"""
EXAMPLES = (SHOP, BACKUP, FAMILY)


def parse(text, **options):
    return parse_document(Source("jobs.yaml", text), **options)


def tree(text):
    document, problems = parse(text)
    assert problems == ()
    return document.tree


def found(text):
    return [(one.code, one.span.start.line, one.span.start.column) for one in parse(text)[1]]


def written(document, span):
    return document.source.text[span.start.offset : span.end.offset]


# Reading bytes


def test_bytes_become_text_without_the_byte_order_mark():
    source, problems = decode_source("jobs.yaml", "\ufeffversion: 1\n".encode())
    assert (source, problems) == (Source("jobs.yaml", "version: 1\n"), ())


def test_what_is_not_utf8_is_reported_at_its_byte():
    source, (one,) = decode_source("jobs.yaml", "a: é\nb: ".encode() + b"\xe9\n")
    assert source is None
    assert (one.code, one.span.start) == ("JF015", Position(2, 4, 8))
    source, (one,) = decode_source("jobs.yaml", "a: 1".encode("utf-16"))
    assert (one.code, one.notes) == ("JF015", ("the file looks like UTF-16",))


def test_a_file_has_a_size_limit():
    source, _ = decode_source("jobs.yaml", b"#" * MAX_FILE_BYTES)
    assert source is not None
    source, (one,) = decode_source("jobs.yaml", b"#" * (MAX_FILE_BYTES + 1))
    assert (source, one.code) == (None, "JF017")
    assert found("#" * (MAX_FILE_BYTES + 1)) == [("JF017", 1, 1)]


# The tree


@together(
    ("plain", "value"),
    [
        ("true", True),
        ("false", False),
        ("True", "True"),
        ("yes", "yes"),
        ("no", "no"),
        ("on", "on"),
        ("", None),
        ("~", None),
        ("null", None),
        ("Null", "Null"),
        ("1", 1),
        ("-12", -12),
        ("0", 0),
        ("0755", "0755"),
        ("0x1F", "0x1F"),
        ("0o7", "0o7"),
        ("1_000", "1_000"),
        ("+1", "+1"),
        ("123456789012345678", 123456789012345678),
        ("1234567890123456789", "1234567890123456789"),
        ("1.10", 1.1),
        ("1e3", 1000.0),
        ("-0.5E-2", -0.005),
        ("1.", "1."),
        (".5", ".5"),
        (".inf", ".inf"),
        ("1e999", "1e999"),
        ("22:30", "22:30"),
        ("1:59:59", "1:59:59"),
        ("2026-01-01", "2026-01-01"),
        ("12345 days", "12345 days"),
        ("٣", "٣"),
    ],
)
def test_a_plain_scalar_is_what_the_core_schema_says_and_keeps_its_text(plain, value):
    document, problems = parse(f"a: {plain}\nb: '{plain}'\n")
    assert problems == ()
    assert document.tree == {"a": value, "b": plain}
    assert type(document.tree["a"]) is type(value)
    assert (document.text(("a",)), document.text(("b",))) == (plain, plain)
    assert (document.is_quoted(("a",)), document.is_quoted(("b",))) == (False, True)


def test_keys_are_text_whatever_they_look_like():
    assert tree("1: a\ntrue: b\n~: c\n'x': d\n1.10: e\n") == {
        "1": "a",
        "true": "b",
        "~": "c",
        "x": "d",
        "1.10": "e",
    }


def test_aliases_bring_what_their_anchors_hold():
    jobs = tree(FAMILY)["jobs"]
    assert jobs["one"]["env"] == jobs["two"]["env"] == {"TZ": "UTC", "PATHS": ["a", "b"]}


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**17), 10**17)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(min_codepoint=0x20, max_codepoint=0x2FF, exclude_categories=["Cc", "Cf"])),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text("abc\"'\\ é", max_size=4), inner, max_size=4)
    ),
    max_leaves=12,
).filter(lambda value: "\xa0" not in json.dumps(value, ensure_ascii=False))


@settings(deadline=None, max_examples=examples(50))
@given(content=st.dictionaries(st.text("abcxyz", max_size=3), values, max_size=4))
def test_json_is_read_as_json_and_both_readers_and_both_parsers_agree(content):
    source = Source("jobs.yaml", json.dumps(content, ensure_ascii=False))
    for parser in (PARSER, PurePythonParser):
        document, problems = parse_document(source, parser=parser)
        assert problems == ()
        assert same(document.tree, content)
        reading = read_carefully(source, read_events(source, parser))
        assert reading.problems == ()
        assert same(reading.tree, content)


def same(left, right):
    """Equal, and of equal types all the way down."""
    if isinstance(left, dict):
        return (
            isinstance(right, dict)
            and left.keys() == right.keys()
            and all(same(left[k], right[k]) for k in left)
        )
    if isinstance(left, list):
        return (
            isinstance(right, list)
            and len(left) == len(right)
            and all(same(one, other) for one, other in zip(left, right, strict=True))
        )
    return type(left) is type(right) and (left == right or math.isnan(left))


@pytest.mark.parametrize("text", EXAMPLES)
def test_the_quick_and_the_careful_reader_agree(text):
    source = Source("jobs.yaml", text)
    quick = read_quickly(text, PARSER)
    careful = read_carefully(source, read_events(source, PARSER))
    assert careful.problems == ()
    assert quick in (None, careful.tree)
    assert (quick is None) is ("&" in text)


# Places


def test_the_line_of_a_name_is_that_of_its_key_and_needs_no_second_reading():
    texts = [*EXAMPLES, *(path.read_text() for path in known_files("tests/language/cases/ok", "*.yaml"))]
    for text, document in ((text, parse(text)[0]) for text in texts):
        lines = []
        if document is None or read_quickly(text, PARSER, lines=lines) is None:
            continue
        alone = Document(Source("jobs.yaml", ""), document.tree, name_lines=tuple(lines))
        for section, part in document.tree.items():
            for path in [(section, name) for name in part] if isinstance(part, dict) else ():
                assert document.key_span(path).start.line == document.line(path) == alone.line(path)


def leaves(value, path=()):
    if isinstance(value, dict | list):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from leaves(item, (*path, key))
    else:
        yield path


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("text", EXAMPLES)
def test_the_span_of_a_scalar_is_how_it_is_written(text, end):
    document, _ = parse(text.replace("\n", end))
    for path in leaves(document.tree):
        stretch = written(document, document.span(path))
        if stretch[:1] in ("|", ">"):
            assert not stretch[-1].isspace()
        elif stretch[:1] in ("'", '"'):
            assert yaml.safe_load(stretch) == document.text(path)
        else:
            assert stretch == document.text(path)
        if isinstance(path[-1], str):
            assert written(document, document.key_span(path)) == path[-1]
        else:
            assert document.key_span(path) == document.span(path)


@pytest.mark.parametrize("text", EXAMPLES)
def test_places_are_the_same_with_either_line_end(text):
    unix, windows = parse(text)[0], parse(text.replace("\n", "\r\n"))[0]
    assert unix.tree == windows.tree
    for path in leaves(unix.tree):
        for ask in (
            lambda document, path=path: document.span(path),
            lambda document, path=path: document.key_span(path),
        ):
            left, right = ask(unix), ask(windows)
            assert [(p.line, p.column) for p in (left.start, left.end)] == [
                (p.line, p.column) for p in (right.start, right.end)
            ]


def test_collections_span_from_their_first_to_their_last_sign():
    document, _ = parse("jobs:\n  a:\n    run: x  # c\n\n  b: {run: y}\n# end\n")
    assert written(document, document.span(("jobs", "a"))) == "run: x"
    assert written(document, document.span(("jobs", "b"))) == "{run: y}"
    assert written(document, document.span(("jobs",))) == "a:\n    run: x  # c\n\n  b: {run: y}"
    assert written(document, document.span(())).startswith("jobs:")


def test_a_place_that_does_not_exist_is_the_nearest_above():
    document, _ = parse("jobs:\n  a: {run: x}\n")
    assert document.span(("jobs", "a", "retry", "delay")) == document.span(("jobs", "a"))
    assert document.key_span(("nothing",)) == document.span(())
    assert document.text(("jobs", "b")) == document.text(("jobs",)) == ""
    assert not document.is_quoted(("jobs", 0, "x"))


def test_places_below_an_alias_are_those_of_its_anchor():
    document, _ = parse(FAMILY)
    assert written(document, document.span(("jobs", "two", "env"))) == "*env"
    assert document.span(("jobs", "two", "env", "PATHS", 1)) == document.span(("x-env", "PATHS", 1))
    assert document.text(("jobs", "one", "env", "TZ")) == "UTC"
    assert written(document, document.span(("x-env",))).startswith("TZ:")


def test_columns_count_code_points():
    document, _ = parse("'😀e\u0301': x\n")
    span = document.span(("😀e\u0301",))
    assert (span.start.line, span.start.column) == (1, 8)


LINES = st.text("ab{}' \"\\é😀:#", max_size=30).filter(lambda line: line == line.strip())
STYLES = st.sampled_from(["|", ">", "'", '"', None])


@settings(deadline=None, max_examples=examples(75))
@given(
    lines=st.lists(LINES, min_size=1, max_size=6),
    style=STYLES,
    end=st.sampled_from(["\n", "\r\n"]),
    deep=st.booleans(),
)
def test_every_character_of_a_value_is_found_in_the_file(lines, style, end, deep):
    value = "\n".join(lines)
    content = {"jobs": {"a": {"run": value, "x": "y"}}} if deep else {"run": value}
    text = yaml.safe_dump(content, default_style=style, allow_unicode=True, width=25).replace("\n", end)
    document, problems = parse(text)
    assert problems == ()
    path = ("jobs", "a", "run") if deep else ("run",)
    assert document.text(path) == value
    for index, sign in enumerate(value):
        stretch = written(document, document.within(path, index, index + 1))
        if not sign.isspace():
            assert stretch == sign or stretch in ("''", f"\\{sign}") or stretch.startswith("\\U")


def test_a_part_of_a_script_is_found_in_the_script():
    document, _ = parse(SHOP)
    path = ("jobs", "welcome-email", "run")
    value = document.text(path)
    at = value.index("{{ params.customer }}")
    span = document.within(path, at, at + 21)
    assert written(document, span) == "{{ params.customer }}"
    assert (span.start.line, span.start.column) == (18, 22)
    document, _ = parse(BACKUP)
    path = ("jobs", "db-backup", "description")
    at = document.text(path).index("shop\nkept")
    assert written(document, document.within(path, at, at + 9)) == "shop\n\n      kept"


def test_a_part_that_does_not_exist_is_the_whole_scalar():
    document, _ = parse("a: bcd\ne: [1]\n")
    assert document.within(("a",), 2, 9) == document.span(("a",))
    assert document.within(("e",), 0, 1) == document.span(("e",))


# Mistakes


def test_each_key_given_twice_is_reported_with_the_first_and_the_tree_stays():
    document, problems = parse("a: 1\nb: {c: 1, 'c': 2}\na: 2\na: 3\n")
    assert found("a: 1\nb: {c: 1, 'c': 2}\na: 2\na: 3\n") == [
        ("JF006", 2, 11),
        ("JF006", 3, 1),
        ("JF006", 4, 1),
    ]
    assert problems[1].message == "key `a` is given twice"
    assert problems[1].path == ("a",)
    assert [(label.text, label.span.start.line) for label in problems[2].related] == [("first given here", 1)]
    assert document.tree == {"a": 3, "b": {"c": 2}}
    assert written(document, document.span(("a",))) == "3"


@together(
    ("text", "expected"),
    [
        ("a: !x b\n", [("JF011", 1, 4)]),
        ("a: !!int 3\nb: &x !y\n  c: 1\n", [("JF011", 1, 4), ("JF011", 2, 7)]),
        ("%TAG ! x\n---\na: b\n", [("JF011", 1, 1)]),
        ("a: {<<: {b: 1}}\n", [("JF013", 1, 5)]),
        ("a: &a {b: 1}\nc:\n  <<: *a\n  <<: *a\n", [("JF013", 3, 3), ("JF013", 4, 3)]),
        ("a: *nope\nb: *none\n", [("JF018", 1, 4), ("JF018", 2, 4)]),
        ("a: &a [*a]\n", [("JF012", 1, 8)]),
        ("a: 1\n---\nb: 2\n", [("JF014", 2, 1)]),
        ("", [("JF019", 1, 1)]),
        ("# nothing\n", [("JF019", 1, 1)]),
        ("---\n", [("JF019", 1, 1)]),
        ("null\n", [("JF019", 1, 1)]),
        ("- a\n- b\n", [("JF019", 1, 1)]),
        ("just words\n", [("JF019", 1, 1)]),
        ("? [a]\n: b\n", [("JF105", 1, 3)]),
        ("a: {{b: 1}: 2}\n", [("JF003", 1, 4)]),
        ("a: { {b: 1}: 2}\n", [("JF105", 1, 6)]),
        ("a: &x b\n*x : c\n", [("JF105", 2, 1)]),
        (
            "a: {{ x }}\nb: !t 1\nb: 2\nc: {{ y }}\n",
            [("JF003", 1, 4), ("JF011", 2, 4), ("JF006", 3, 1), ("JF003", 4, 4)],
        ),
        ("a: 1\na: 2\nb: [\n", [("JF006", 2, 1), ("JF001", 3, 4)]),
    ],
)
def test_mistakes_are_collected_at_their_places(text, expected):
    assert found(text) == expected


def test_only_a_key_given_twice_leaves_a_tree():
    assert parse("a: 1\na: 2\n")[0] is not None
    assert parse("a: !x 1\n")[0] is None
    assert parse("a: {{ x }}\n")[0] is None


def test_a_merge_key_in_quotes_is_a_key():
    assert tree('"<<": 1\n') == {"<<": 1}


@pytest.mark.parametrize(
    ("sign", "line", "column"),
    [
        (sign, 1, 5)
        for sign in "\x00\x07\x0b\x0c\x1b\x7f\x85\x9f\u2028\u2029\u202e\u2066\ufeff\ufffe\uffff\ud800\r"
    ],
)
def test_a_forbidden_character_is_reported_at_its_place(sign, line, column):
    assert found(f"a: x{sign}y\n") == [("JF015", line, column)]
    assert found(f"# note {sign}run: y\n") == [("JF015", 1, 8)]


@pytest.mark.parametrize(
    "text", ["a: 1\r\nb: |\r\n  x\r\n", "a:\t1\n", "a: 日本語 é 😀\n", "a: x\xa0y\n", "a: x\u200by\n"]
)
def test_other_characters_are_allowed(text):
    assert found(text) == []


@pytest.mark.parametrize(
    ("text", "column"), [("\xa0a: 1\n", 1), ("  \xa0a: 1\n", 3), ("a:\xa01\n", 3), ("a\xa0: 1\n", 2)]
)
def test_a_no_break_space_is_forbidden_where_a_space_has_a_meaning(text, column):
    assert found(text) == [("JF015", 1, column)]
    (one,) = parse(text)[1]
    assert one.fixes[0].edits == (Edit(span=one.span, text=" "),)


def test_a_key_may_not_hide_characters():
    assert found("a\u200b: 1\n") == [("JF015", 1, 2)]
    assert found('b: 1\n"a\\u2060": 1\n') == [("JF015", 2, 3)]


@pytest.mark.parametrize(
    "escape", ["\\0", "\\e", "\\a", "\\N", "\\L", "\\P", "\\x7f", "\\u202e", "\\r", "\\uFEFF"]
)
def test_an_escape_may_not_make_a_forbidden_character(escape):
    assert found(f'a: "x\\t\\n{escape}y"\n') == [("JF015", 1, 10)]
    assert found(f'"x{escape}": 1\n') == [("JF015", 1, 3)]


def test_many_forbidden_characters_are_five_and_a_number():
    _, problems = parse("a: \x00\x00\x00\x00\x00\x00\x00\x00\n")
    assert len(problems) == 5
    assert problems[-1].notes == ("and 3 more such characters in this file",)


# Limits


def nested(depth):
    return "a: " + "[" * (depth - 1) + "]" * (depth - 1) + "\n"


def test_depth_is_counted_while_reading():
    assert found(nested(MAX_DEPTH)) == []
    assert found(nested(MAX_DEPTH + 1)) == [("JF017", 1, 3 + MAX_DEPTH)]
    assert found("a: " + "[" * 100_000) == [("JF017", 1, 3 + MAX_DEPTH)]
    assert found("a: " + "{a: " * 100_000) == [("JF017", 1, 4 * MAX_DEPTH)]
    assert found("- " * 100_000) == [("JF017", 1, 2 * MAX_DEPTH + 1)]
    assert found("a: b\nc:\n  - " + "[\n" * 2_000) == [("JF017", 3 + MAX_DEPTH - 2, 1)]
    assert found("".join(" " * depth + "a:\n" for depth in range(1_200))) == [
        ("JF017", MAX_DEPTH + 1, MAX_DEPTH + 1)
    ]


def test_depth_counts_what_an_alias_brings():
    half = "[" * (MAX_DEPTH // 2) + "]" * (MAX_DEPTH // 2)
    inside = "[" * (MAX_DEPTH // 2 - 1) + "*x" + "]" * (MAX_DEPTH // 2 - 1)
    assert found(f"a: &x {half}\nb: {inside}\n") == []
    assert found(f"a: &x {half}\nb: [{inside}]\n") == [("JF017", 2, 4 + MAX_DEPTH // 2)]


def test_nodes_are_counted():
    fits = "a:\n" + "- b\n" * (MAX_NODES - 3)
    assert len(tree(fits)["a"]) == MAX_NODES - 3
    assert found(fits + "- b\n") == [("JF017", MAX_NODES - 1, 3)]


def test_a_scalar_has_a_size_limit_in_bytes():
    assert found("a: " + "x" * MAX_SCALAR_BYTES + "\n") == []
    assert found("a: " + "é" * (MAX_SCALAR_BYTES // 2) + "\n") == []
    assert found("a: " + "x" * (MAX_SCALAR_BYTES + 1) + "\n") == [("JF017", 1, 4)]
    assert found("a: 1\nb: '" + "é" * (MAX_SCALAR_BYTES // 2 + 1) + "'\n") == [("JF017", 2, 4)]


def test_aliases_are_counted():
    text = "a: &a 1\nb:\n" + "- *a\n" * MAX_ALIASES
    assert found(text) == []
    assert found(text + "- *a\n") == [("JF012", MAX_ALIASES + 3, 3)]


def test_what_aliases_bring_is_counted():
    bomb = "x0: &x0 [" + ", ".join(["a"] * 9) + "]\n"
    bomb += "".join(f"x{n}: &x{n} [" + ", ".join([f"*x{n - 1}"] * 9) + "]\n" for n in range(1, 9))
    ((code, line, _),) = found(bomb)
    assert (code, line) == ("JF012", 5)
    weight = 1000
    chain = "x: &x [" + ", ".join(["a"] * (weight - 1)) + "]\nb:\n" + "- *x\n" * (MAX_ALIAS_WEIGHT // weight)
    assert found(chain) == []
    assert found(chain + "- *x\n") == [("JF012", MAX_ALIAS_WEIGHT // weight + 3, 3)]


def test_an_anchor_has_a_short_name():
    assert found(f"a: &{'n' * 64} 1\n") == []
    assert found(f"a: &{'n' * 65} 1\n") == [("JF017", 1, 4)]


# Any text at all


def check(text):
    source, problems = decode_source("jobs.yaml", text.encode("utf-8", "surrogatepass"))
    if source is None:
        assert problems
        return
    document, problems = parse_document(source)
    assert document is not None or problems
    for one in problems:
        assert 0 <= one.span.start.offset <= one.span.end.offset <= len(source.text)
    if document is not None:
        for path in leaves(document.tree):
            assert document.span(path).end.offset <= len(source.text)
            size = len(document.text(path))
            document.within(path, 0, size)
            document.key_span(path)


@settings(deadline=None, max_examples=examples(100))
@given(text=st.text(max_size=80))
def test_no_text_raises(text):
    check(text)
    check("a: " + text)


SIGNS = st.sampled_from(
    [*"{}[]:,-?|>*&!%@`'\"#\\ \n\t\r~", "\n  ", ": ", "- ", "{{", "é", "😀", "\xa0", "\u2028", "\x00"]
)


@settings(deadline=None, max_examples=examples(100))
@given(
    text=st.sampled_from(EXAMPLES),
    edits=st.lists(
        st.tuples(st.integers(0, 600), st.integers(0, 3), SIGNS | st.just("")), min_size=1, max_size=4
    ),
)
def test_no_damaged_file_raises_and_line_ends_do_not_matter(text, edits):
    for at, cut, sign in edits:
        text = text[:at] + sign + text[at + cut :]
    check(text)
    text = text.replace("\r", "")
    assert found(text) == found(text.replace("\n", "\r\n"))


@pytest.mark.parametrize(
    "text",
    [
        "a: @x" + " " * 1_000_000 + "y\n",
        "a: [@x" + " " * 1_000_000 + "y\n",
        "a: @" + "{{" * 500_000,
        "a: [" + "{{x}}, " * 140_000,
        "a" * 1_000_000 + " b\nc: d\n",
        "a: b" + " " * 1_000_000 + ": c\n",
        'a: "' + "x: " * 300_000,
        'a: "' + "\n" * 1_000_000 + '" b',
        "- " * 10 + "!t " * 300_000,
        "".join(f"- !t{n} a\n" for n in range(50_000)),
        "a:\n" + "\t" * 1_000_000 + "b: 1",
        "'" * 1_000_001,
        "#" + "\x00" * 1_000_000,
    ],
    ids=range(13),
)
def test_a_hostile_text_is_refused_without_a_long_search(text):
    source = Source("jobs.yaml", text)
    document, problems = parse_document(source)
    assert document is None
    assert 1 <= len(problems) <= MAX_PROBLEMS + 1
    assert len(render_text(problems, sources={"jobs.yaml": source})) < 200_000


@pytest.mark.parametrize("form", ["a: '{}'", 'a: "{}"', "a: x{}", "a: |\n  {}", "a: >\n  {}"])
def test_a_place_in_a_large_value_is_found_without_a_long_search(form):
    document, _ = parse(form.format("x" + " " * 200_000 + "y") + "\n")
    size = len(document.text(("a",)))
    assert {written(document, document.within(("a",), size - 1, size)) for _ in range(300)} <= {"y", ""}


def test_bytes_of_any_kind_do_not_raise():
    for data in (b"\xff\xfe\x00", b"\x00" * 100, b"\xef\xbb\xbf", bytes(range(256)), b"a: \xed\xa0\x80"):
        source, problems = decode_source("jobs.yaml", data)
        assert problems or parse_document(source)[1]
