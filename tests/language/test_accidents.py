"""YAML's accidents: the right code at the place of the mistake, not where a parser stumbles."""

from hypothesis import given, settings
from hypothesis import strategies as st

from jobfile.diagnostics.source import Source
from jobfile.syntax.document import PARSER, PurePythonParser, decode_source, parse_document
from tests.soak import examples
from tests.together import together

JOB = "jobs:\n  a:\n    run: echo hi\n"

CASES = [
    # a value that starts with two braces
    ("a: {{ x }}\n", "JF003", 1, 4),
    ("a: {{ x }}/b c\n", "JF003", 1, 4),
    ("a: {{ x | default('q', 1) }}\nb: 1\n", "JF003", 1, 4),
    ("a: {{ x\nb: 1\n", "JF003", 1, 4),
    ("env:\n  - {{ x }}\n", "JF003", 2, 5),
    ("command: [echo, {{ x }}, b]\n", "JF003", 1, 17),
    ("env: {X: {{ x }}}\n", "JF003", 1, 10),
    ('"😀": {{ x }}\n', "JF003", 1, 6),
    ("{{ x }}: 1\n", "JF003", 1, 1),
    # a star
    ("schedule: * * * * *\n", "JF004", 1, 11),
    ("schedule: */5 * * * *  # often\n", "JF004", 1, 11),
    ("schedule: *5 7 * * *\n", "JF004", 1, 11),
    ("schedule:\n  - */5 * * * mon-fri\n", "JF004", 2, 5),
    ("schedule: ['0 4 * * *', */5 * * * *]\n", "JF004", 1, 25),
    ("match: *.csv\n", "JF009", 1, 8),
    ("schedule: *every day\nb: 1\n", "JF009", 1, 11),
    # quotes
    (JOB + "b: 'x\n", "JF005", 4, 4),
    ('a: "x\nb: "y"\n', "JF005", 1, 4),
    ("a: 'x\nb: 1\nc: 'y'\n", "JF005", 1, 4),
    ("a: 'b\n---\nc: d\n", "JF005", 1, 4),
    ("a: [b, 'c]\nd: e\n", "JF005", 1, 8),
    ("a: 'it's here'\nb: 1\n", "JF001", 1, 8),
    ('a: "b" c\n', "JF001", 1, 8),
    # indentation
    ("a:\n    b: 1\n  c: 2\n", "JF007", 3, 3),
    ("  a: 1\nb: 2\n", "JF007", 2, 1),
    ("a:\n  - b\n c: 1\n", "JF007", 3, 2),
    ("jobs:\n  a:\n    run: x\n      timeout: 5m\n", "JF007", 4, 7),
    ('jobs:\n  a:\n    run: "x"\n      timeout: 5m\n', "JF007", 4, 7),
    ("jobs:\n  a:\n    command: [x]\n   timeout: 5m\n", "JF007", 4, 4),
    ("a:\n\tb: 1\n", "JF002", 2, 1),
    ("a:\n  \tb: 1\n", "JF002", 2, 3),
    ("a:\n  b: 1\n\tc: 2\n", "JF002", 3, 1),
    ("run: |\n\techo\n", "JF002", 2, 1),
    # colons
    ("a: b: c\n", "JF008", 1, 5),
    ("run: echo x: y # z\n", "JF008", 1, 12),
    ("a:\n  - run: echo: x\n", "JF008", 2, 14),
    ("a:1\n", "JF016", 1, 2),
    ("a:1\nb: 2\n", "JF016", 1, 2),
    ("jobs:\n  a:1\n  b: 2\n", "JF016", 2, 4),
    ("a: 1\nb:2\n", "JF016", 2, 2),
    ("a: 1\nb\nc: 2\n", "JF016", 2, 1),
    ("a: 1\ntimeout 5m\nc: 2\n", "JF016", 2, 1),
    ("jobs:\n  a\n    run: x\n", "JF016", 2, 3),
    ("run: |\n  a\nb c\nd: 1\n", "JF016", 3, 1),
    # signs that YAML keeps
    ("a: @x\n", "JF009", 1, 4),
    ("a: `x`\n", "JF009", 1, 4),
    ("a: %x\n", "JF009", 1, 4),
    ("%x: 1\n", "JF009", 1, 1),
    ("a: [@x, y]\n", "JF009", 1, 5),
    ("a: && b\n", "JF009", 1, 4),
    ("a: ]\n", "JF009", 1, 4),
    ("a: ,b\n", "JF009", 1, 4),
    ("a: !<x b\n", "JF011", 1, 4),
    # escapes
    ('a: "\\d+"\n', "JF010", 1, 5),
    ('a: "x\n  \\q"\n', "JF010", 2, 3),
    ('a: "\\xZZ"\n', "JF010", 1, 5),
    # all else, in words of our own
    ("a: [1, 2\nb: 3\n", "JF001", 1, 4),
    ("a: [1, 2\n", "JF001", 1, 4),
    ("a: {x: 1\nb: 2\n", "JF001", 1, 4),
    ("a: [1, [2]\nb: [3]\n", "JF001", 1, 4),
    ('a: ["x" "y"]\n', "JF001", 1, 9),
    ('a: [\n  "x"\n  "y"\n]\nb: 1\n', "JF001", 3, 3),
    ("a: [b] c\n", "JF001", 1, 8),
    ("a: 1\n]\n", "JF001", 2, 1),
    ("a: - b\n", "JF001", 1, 4),
    ("a: b\n- c\n", "JF001", 2, 1),
    ("- a\nb: c\n", "JF001", 2, 1),
    ("a: >x\n y\n", "JF001", 1, 5),
    ("a: |0\n y\n", "JF001", 1, 5),
    ("a: 'x': y\n", "JF001", 1, 7),
    ("a: b\n...\nc: d\n", "JF014", 3, 1),
]


def places(text, parser=PARSER):
    source, problems = decode_source("jobs.yaml", text.encode())
    if source is not None:
        _, problems = parse_document(source, parser=parser)
    return [(one.code, one.span.start.line, one.span.start.column) for one in problems]


@together(("text", "code", "line", "column"), CASES)
def test_an_accident_is_one_error_at_its_place(text, code, line, column):
    assert places(text) == [(code, line, column)]


@together(("text", "code", "line", "column"), CASES)
def test_line_ends_a_byte_order_mark_and_an_emoji_above_move_no_column(text, code, line, column):
    assert places(text.replace("\n", "\r\n")) == [(code, line, column)]
    if not text.startswith("%"):
        assert places("\ufeff" + text) == [(code, line, column)]
        assert places("# 😀 é\n" + text) == [(code, line + 1, column)]


@together(("text", "code", "line", "column"), CASES)
def test_a_parser_without_libyaml_says_the_same(text, code, line, column):
    assert places(text, PurePythonParser) == [(code, line, column)]


@together(("text", "code", "line", "column"), CASES)
def test_an_accident_is_reported_in_our_own_words(text, code, line, column):
    (one,) = parse_document(Source("jobs.yaml", text))[1]
    words = " ".join((one.message, one.label, *one.help))
    assert not any(jargon in words for jargon in ("token", "scalar", "mapping", "sequence", "node", "stream"))
    assert one.help or one.label or one.code == "JF001"


@together(("text", "code", "line", "column"), [case for case in CASES if case[1] != "JF001"])
def test_a_safe_fix_does_what_it_says(text, code, line, column):
    source = Source("jobs.yaml", text)
    for fix in (fix for one in parse_document(source)[1] for fix in one.fixes if fix.safe):
        (edit,) = fix.edits
        fixed = text[: edit.span.start.offset] + edit.text + text[edit.span.end.offset :]
        assert code not in [one.code for one in parse_document(Source("jobs.yaml", fixed))[1]]


def test_a_template_is_quoted_with_the_quotes_that_fit():
    texts = {"{{ x }}": '"{{ x }}"', '{{ x | default("a") }}': "'{{ x | default(\"a\") }}'"}
    for written, quoted in texts.items():
        (one,) = parse_document(Source("jobs.yaml", f"a: {written}\n"))[1]
        assert one.fixes[0].edits[0].text == quoted


def test_a_misaligned_key_names_the_levels_and_the_nearest():
    (one,) = parse_document(Source("jobs.yaml", "a:\n    b: 1\n  c: 2\n"))[1]
    assert one.label == "column 3; the levels above are at columns 1, 5"
    assert one.help == ("begin the line at column 5",)


PIECES = [
    *"{}[]:,-?|>*&!%@`'\"#\\~ \n\t",
    "\n  ",
    "\n    ",
    "a",
    "b: ",
    "- ",
    "{{ x }}",
    "<<: ",
    "---\n",
    "...\n",
    "é",
    "😀",
]


@settings(deadline=None, max_examples=examples(150))
@given(text=st.lists(st.sampled_from(PIECES), max_size=25).map("".join))
def test_every_text_that_is_almost_yaml_gets_a_tree_or_an_error_in_the_file(text):
    for parser in (PARSER, PurePythonParser):
        document, problems = parse_document(Source("jobs.yaml", text), parser=parser)
        assert document is not None or problems
        for one in problems:
            assert 0 <= one.span.start.offset <= one.span.end.offset <= len(text)
            assert one.message
