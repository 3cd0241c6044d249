"""What people and programs see of a finding."""

import json
import re
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobfile.diagnostics.diagnostic import Diagnostic, Edit, Fix, Label
from jobfile.diagnostics.escapes import harmless
from jobfile.diagnostics.source import Position, Source, Span
from jobfile.render.style import COLOURED
from jobfile.render.text import (
    render_short,
    render_text,
    summary_line,
    to_json,
    to_json_line,
)
from tests.soak import examples

SCHEMA = json.loads(Path(__file__, "../../../schemas/diagnostic.schema.json").resolve().read_text())
NAME = "jobs.yaml"
ANSI = re.compile(r"\x1b\[[0-9;]*m")


def finding(source, code, message, target, *, line=None, after=0, related=(), **more):
    """A diagnostic at the first place of a text, from a line on; related places are (text, label, line)."""

    def place(text, number):
        at = source.text.index(text, source.line_starts[(number or 1) - 1] + after)
        return source.span(at, at + len(text))

    labels = tuple(Label(span=place(text, number), text=label) for text, label, number in related)
    return Diagnostic(
        code=code, message=message, file=source.name, span=place(target, line), related=labels, **more
    )


def show(source, *findings, **options):
    return render_text(findings, sources={source.name: source}, **options)


UNKNOWN_STEP = """version: 1
jobs:
  a:
    steps:
      extract:
        run: echo x
      load:
        needs: [extrct]
"""


def unknown_step():
    source = Source(NAME, UNKNOWN_STEP)
    span = source.span(source.text.index("extrct"), source.text.index("extrct") + 6)
    return source, Diagnostic(
        code="JF102",
        message="no step `extrct` in job `a`",
        file=NAME,
        span=span,
        path=("jobs", "a", "steps", "load", "needs", 0),
        label="not a step of this job",
        help=("did you mean `extract`?",),
        fixes=(Fix(title="replace with `extract`", edits=(Edit(span=span, text="extract"),)),),
    )


def test_a_finding_shows_two_lines_of_context_and_a_caret_under_the_word():
    assert (
        show(*unknown_step())
        == """error[JF102]: no step `extrct` in job `a`
  --> jobs.yaml:8:17
   |
 6 |         run: echo x
 7 |       load:
 8 |         needs: [extrct]
   |                 ^^^^^^ not a step of this job
   |
   = help: did you mean `extract`?
   = more: jobfile explain JF102
"""
    )


def test_a_second_place_is_shown_in_the_same_excerpt():
    source = Source(NAME, "\njobs:\n  a:\n    timeout: 5m\n    run: echo hi\n    timeout: 10m\n")
    one = finding(
        source,
        "JF006",
        "key `timeout` is given twice",
        "timeout",
        line=6,
        label="the value above would be lost",
        related=[("timeout", "first given here", 4)],
        help=("keep one of them",),
    )
    assert (
        show(source, one)
        == """error[JF006]: key `timeout` is given twice
  --> jobs.yaml:6:5
   |
 4 |     timeout: 5m
   |     ------- first given here
 5 |     run: echo hi
 6 |     timeout: 10m
   |     ^^^^^^^ the value above would be lost
   |
   = help: keep one of them
   = more: jobfile explain JF006
"""
    )


def test_a_place_in_a_script_is_marked_in_the_script():
    source = Source(NAME, "\n" * 6 + '      sh -c "ls {{ params.x }}"\n')
    one = finding(
        source,
        "JF421",
        "`sh -c` would run this value as code",
        "{{ params.x }}",
        label="the value becomes part of a program",
        help=(
            "give it as an argument: sh -c 'ls -- \"$1\"' sh {{ params.x }}",
            'or set  env: {X: "{{ params.x }}"}  and use  "$X"',
        ),
    )
    assert (
        show(source, one)
        == """error[JF421]: `sh -c` would run this value as code
  --> jobs.yaml:7:17
   |
 7 |       sh -c "ls {{ params.x }}"
   |                 ^^^^^^^^^^^^^^ the value becomes part of a program
   |
   = help: give it as an argument: sh -c 'ls -- "$1"' sh {{ params.x }}
   = help: or set  env: {X: "{{ params.x }}"}  and use  "$X"
   = more: jobfile explain JF421
"""
    )


def test_two_places_on_one_line_have_the_last_text_beside_and_the_first_below():
    source = Source(NAME, '\n\n\n    schedule: "0 4 1-7 * mon"\n')
    one = finding(
        source,
        "JF303",
        "day of month and day of week are both set",
        "1-7",
        label="the day of month",
        related=[("mon", "and the day of week", 4)],
        notes=("cron would run on the 1st to 7th and on every Monday: 11 days in March 2026",),
        help=('first Monday of the month:  "0 4 * * mon#1"',),
    )
    assert (
        show(source, one)
        == """error[JF303]: day of month and day of week are both set
  --> jobs.yaml:4:20
   |
 4 |     schedule: "0 4 1-7 * mon"
   |                    ^^^   --- and the day of week
   |                    |
   |                    the day of month
   |
   = note: cron would run on the 1st to 7th and on every Monday: 11 days in March 2026
   = help: first Monday of the month:  "0 4 * * mon#1"
   = more: jobfile explain JF303
"""
    )


def test_three_places_on_one_line_hang_in_steps():
    source = Source(NAME, "a b c\n")
    one = finding(source, "JF001", "three", "a", label="first", related=[("b", "two", 1), ("c", "last", 1)])
    assert show(source, one).splitlines()[3:8] == [
        " 1 | a b c",
        "   | ^ - - last",
        "   | | |",
        "   | | two",
        "   | first",
    ]


def test_lines_far_apart_have_a_sign_for_what_is_left_out():
    source = Source(NAME, "".join(f"k{n}: 1\n" for n in range(1, 121)))
    one = finding(source, "JF006", "twice", "k110", line=110, related=[("k3", "first given here", 3)])
    assert show(source, one).splitlines() == [
        "error[JF006]: twice",
        "    --> jobs.yaml:110:1",
        "     |",
        "   3 | k3: 1",
        "     | -- first given here",
        "...",
        " 108 | k108: 1",
        " 109 | k109: 1",
        " 110 | k110: 1",
        "     | ^^^^",
        "     |",
        "     = more: jobfile explain JF006",
    ]


@pytest.mark.parametrize(
    ("line", "target", "shown", "carets"),
    [
        ("\tkey: word", "word", "→key: word", "      ^^^^"),
        ("日本: word", "word", "日本: word", "      ^^^^"),
        ("é: word", "word", "é: word", "   ^^^^"),
        ("e\u0301: word", "word", "e\u0301: word", "   ^^^^"),
        ("a: 日本", "日本", "a: 日本", "   ^^^^"),
        ("a: \x1b[31m word", "word", "a: \\x1b[31m word", "            ^^^^"),
        ("a: \u202e word", "word", "a: \\u202e word", "          ^^^^"),
        ("😀 word", "word", "😀 word", "   ^^^^"),
    ],
)
def test_carets_are_under_what_a_terminal_shows(line, target, shown, carets):
    source = Source(NAME, line + "\n")
    lines = show(source, finding(source, "JF001", "m", target)).splitlines()
    assert lines[3:5] == [f" 1 | {shown}", f"   | {carets}"]


@pytest.mark.parametrize(("before", "after"), [(0, 300), (300, 0), (300, 300), (50, 0), (0, 0)])
def test_a_long_line_is_cut_around_the_place(before, after):
    source = Source(NAME, "x" * before + "word" + "y" * after + "\n")
    lines = show(source, finding(source, "JF001", "m", "word", label="here"), width=60).splitlines()
    text, carets = lines[3][5:], lines[4][5:]
    at = carets.index("^^^^")
    assert text[at : at + 4] == "word"
    assert len(lines[3]) <= 60
    assert text.startswith("…") is (before > 55)
    assert text.endswith("…") is (after > 55)


def test_a_place_at_the_end_of_the_file_and_one_over_lines_have_carets():
    source = Source(NAME, "a: 1\nb: [2,\n  3]\n")
    end = source.position(len(source.text))
    over = Diagnostic(code="JF001", message="m", file=NAME, span=source.span(8, 16))
    at_end = Diagnostic(code="JF001", message="m", file=NAME, span=Span(end, end))
    assert show(source, over).splitlines()[4:6] == [" 2 | b: [2,", "   |    ^^^"]
    assert show(source, at_end).splitlines()[5:7] == [" 4 |", "   | ^"]


def test_without_a_source_there_is_no_excerpt():
    _, one = unknown_step()
    assert render_text([one], sources={}).splitlines() == [
        "error[JF102]: no step `extrct` in job `a`",
        "  --> jobs.yaml:8:17",
        "   |",
        "   = help: did you mean `extract`?",
        "   = more: jobfile explain JF102",
    ]


def test_color_changes_nothing_but_color():
    source, one = unknown_step()
    colored = show(source, one, one, style=COLOURED)
    assert "\x1b[1m\x1b[31m" in colored
    assert ANSI.sub("", colored) == show(source, one, one)
    assert harmless(colored) == colored, "the door to the terminal lets the colours pass"


def test_a_short_line_is_one_that_editors_read():
    assert render_short([unknown_step()[1]]) == "jobs.yaml:8:17: error JF102: no step `extrct` in job `a`\n"


def test_the_summary_counts_with_the_right_plurals():
    _, error = unknown_step()
    warning = Diagnostic(code="JF607", message="m", file=NAME, span=error.span)
    remark = Diagnostic(code="JF619", message="m", file=NAME, span=error.span)
    assert (
        summary_line([error, warning, error], files=3, jobs=41) == "2 errors, 1 warning in 3 files, 41 jobs"
    )
    assert summary_line([remark, error], files=1, jobs=1) == "1 error, 1 remark in 1 file, 1 job"
    assert summary_line([], files=1, jobs=0) == "no errors in 1 file, 0 jobs"


def test_json_has_the_documented_form():
    source, one = unknown_step()
    document = to_json([one], sources={NAME: source}, files=[NAME])
    offset = UNKNOWN_STEP.index("extrct")
    assert document == {
        "format": 1,
        "valid": False,
        "errors": 1,
        "warnings": 0,
        "files": [NAME],
        "diagnostics": [
            {
                "code": "JF102",
                "severity": "error",
                "message": "no step `extrct` in job `a`",
                "file": NAME,
                "path": ["jobs", "a", "steps", "load", "needs", 0],
                "range": {
                    "start": {"line": 8, "col": 17, "offset": offset},
                    "end": {"line": 8, "col": 23, "offset": offset + 6},
                },
                "label": "not a step of this job",
                "related": [],
                "notes": [],
                "help": ["did you mean `extract`?"],
                "fixes": [
                    {
                        "title": "replace with `extract`",
                        "safe": True,
                        "edits": [
                            {
                                "range": {"start": {"line": 8, "col": 17}, "end": {"line": 8, "col": 23}},
                                "text": "extract",
                            }
                        ],
                    }
                ],
                "docs": "jobfile explain JF102",
                "snippet": "        needs: [extrct]",
            }
        ],
    }
    assert list(document["diagnostics"][0]) == SCHEMA["definitions"]["diagnostic"]["required"]
    assert json.loads(to_json_line(one, sources={NAME: source})) == document["diagnostics"][0]


def test_warnings_leave_a_file_valid():
    source, error = unknown_step()
    warning = Diagnostic(code="JF607", message="m", file=NAME, span=error.span)
    document = to_json([warning], sources={NAME: source}, files=[NAME])
    assert (document["valid"], document["errors"], document["warnings"]) == (True, 0, 1)


texts = st.text(alphabet=st.characters(), max_size=40)
positions = st.builds(Position, st.integers(1, 9), st.integers(1, 30), st.integers(0, 99))
spans = st.builds(lambda a, b: Span(min(a, b), max(a, b)), positions, positions)
edits = st.builds(Edit, span=spans, text=texts)
anything = st.builds(
    Diagnostic,
    code=st.sampled_from(["JF001", "JF607", "JF619"]),
    message=texts.filter(bool),
    file=st.sampled_from([NAME, "other"]) | texts,
    span=spans,
    label=texts,
    related=st.lists(st.builds(Label, span=spans, text=texts), max_size=3).map(tuple),
    notes=st.lists(texts, max_size=2).map(tuple),
    help=st.lists(texts, max_size=2).map(tuple),
    fixes=st.lists(
        st.builds(Fix, title=texts, edits=st.lists(edits, min_size=1, max_size=2).map(tuple)), max_size=1
    ).map(tuple),
)


@settings(deadline=None, max_examples=examples(30))
@given(found=st.lists(anything, max_size=3), text=st.text(max_size=200), width=st.integers(1, 130))
def test_no_finding_and_no_text_breaks_a_form_or_reaches_the_terminal_raw(found, text, width):
    sources = {NAME: Source(NAME, text)}
    plain = render_text(found, sources=sources, width=width)
    for shown in (plain, render_short(found)):
        assert all(
            sign == "\n" or not re.match(r"[\x00-\x1f\x7f-\x9f\u2028\u202e\ud800-\udfff]", sign)
            for sign in shown
        )
    assert ANSI.sub("", render_text(found, sources=sources, width=width, style=COLOURED)) == plain
    document = to_json(found, sources=sources, files=[NAME])
    jsonschema.validate(json.loads(json.dumps(document)), SCHEMA)
    assert all("\n" not in to_json_line(one, sources=sources) for one in found)
