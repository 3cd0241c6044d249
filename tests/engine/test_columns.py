"""Tables and facts: no wider than the terminal, the reason whole, wide characters counted, colours on top."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.answers.findings import Severity
from engine.answers.report import VERDICTS
from engine.core.columns import cut_middle, display_width, facts, paragraph, table
from engine.core.lifecycle import AttemptState, RunState
from jobfile.diagnostics.escapes import harmless
from jobfile.render.style import ALARMS, COLOURED, PLAIN, WORDS, Tone

COLOUR = re.compile(r"\x1b\[\d+m")
SIGNS = "ab-_ é漢字🎉e\u0301\ufe0f"
WORD = st.text(SIGNS.replace(" ", ""), max_size=30)
NAME = st.text(SIGNS.replace(" ", ""), min_size=1, max_size=40)
REASON = st.lists(WORD, max_size=12).map(" ".join)
STATE = st.sampled_from([*RunState, "failed (3 attempts)"])
ROWS = st.lists(st.tuples(st.sampled_from(["3f2a9c01"]), NAME, NAME, STATE, REASON), max_size=4)
HEADS = ("run", "job", "scheduled for", "state", "why")


def without_space(text: str) -> str:
    return re.sub(r"\s", "", text)


@given(ROWS, st.integers(40, 160), st.booleans())
def test_a_table_is_at_most_as_wide_as_the_terminal_and_shows_each_reason_whole(
    rows: list[tuple[str, ...]], width: int, has_colour: bool
) -> None:
    style = COLOURED if has_colour else PLAIN
    text = COLOUR.sub("", table(HEADS, rows, width=width, names=(1,), reason=4, paints={3: style.state}))
    assert all(display_width(line) <= width for line in text.split("\n"))
    for row in rows:
        reason = without_space(row[4])
        assert not reason or reason in without_space("".join(shown_reasons(text, row[4]))), (text, row)


def shown_reasons(text: str, reason: str) -> list[str]:
    """The lines of a table from where one of the columns of reasons begins."""
    lines = text.split("\n")
    at = lines[0].find("why")
    if at < 0:
        return [line for line in lines[1:] if line.startswith("  ")]
    begin = display_width(lines[0][:at])
    return [from_column(line, begin) for line in lines[1:]]


def from_column(line: str, begin: int) -> str:
    used = 0
    for index, sign in enumerate(line):
        if used >= begin:
            return line[index:]
        used += display_width(sign)
    return ""


@given(ROWS, st.integers(40, 160))
def test_colours_change_nothing_but_colours_and_pass_the_door_to_the_terminal(
    rows: list[tuple[str, ...]], width: int
) -> None:
    plain, coloured = (
        table(HEADS, rows, width=width, names=(1,), reason=4, paints={3: style.state})
        for style in (PLAIN, COLOURED)
    )
    assert COLOUR.sub("", coloured) == plain
    assert harmless(coloured) == coloured
    assert width < 100 or bool(rows) == (coloured != plain)


@given(st.text(SIGNS, max_size=60), st.integers(1, 60))
def test_a_name_is_cut_in_its_middle(name: str, columns: int) -> None:
    shown = cut_middle(name, columns)
    assert display_width(shown) <= columns
    if display_width(name) <= columns:
        assert shown == name
    else:
        begin, _, end = shown.partition("…")
        assert name.startswith(begin)
        assert name.endswith(end)
        assert "…" in shown


@pytest.mark.parametrize(
    ("columns", "shown"),
    [(40, "nightly-orders-export"), (17, "nightly-…s-export"), (9, "nigh…port"), (2, "n…"), (1, "…")],
)
def test_a_name_keeps_its_begin_and_its_end(columns: int, shown: str) -> None:
    assert cut_middle("nightly-orders-export", columns) == shown


ONE_ROW = ("3f2a9c01", "nightly-orders-export", "2026-11-28 02:30", "failed", "program `backup` is missing")


@pytest.mark.parametrize(
    ("width", "shown"),
    [
        (
            100,
            """\
run       job                    scheduled for     state   why
3f2a9c01  nightly-orders-export  2026-11-28 02:30  failed  program `backup` is missing""",
        ),
        (
            80,
            """\
run       job                 scheduled for     state   why
3f2a9c01  nightly-o…s-export  2026-11-28 02:30  failed  program `backup` is
                                                        missing""",
        ),
        (
            60,
            """\
run       job                    scheduled for     state
3f2a9c01  nightly-orders-export  2026-11-28 02:30  failed
  program `backup` is missing""",
        ),
        (
            40,
            """\
run       job        scheduled …  state
3f2a9c01  nigh…port  2026-11-28…  failed
  program `backup` is missing""",
        ),
    ],
)
def test_in_less_room_the_reason_is_wrapped_then_below_its_row_and_never_cut(width: int, shown: str) -> None:
    assert table(HEADS, [ONE_ROW], width=width, names=(1,), reason=4, paints={3: PLAIN.state}) == shown


@pytest.mark.parametrize(
    ("text", "columns"),
    [("abc", 3), ("漢字", 4), ("é", 1), ("e\u0301", 1), ("🎉", 2), ("a\ufe0f", 1), ("ｶ", 1), ("", 0)],
)
def test_the_columns_of_a_text_are_those_of_a_terminal(text: str, columns: int) -> None:
    assert display_width(text) == columns


def test_each_state_verdict_and_severity_has_a_tone() -> None:
    words = {*RunState, *AttemptState, *VERDICTS, *Severity} - {"fixed", "settled", "fixed_by_hand"}
    assert {str(one) for one in words} <= WORDS.keys()


@pytest.mark.parametrize(
    ("text", "painted"),
    [
        ("nightly: failed: exit code 2", ["failed"]),
        ("2 succeeded, 1 timed_out", ["succeeded", "timed_out"]),
        (": running since 02:30", ["running"]),
        ("3 missed: the engine was not running", ["missed"]),
        ("failed-orders: runs/failed/x, `failed`, unfailed", []),
        ("NOT RUNNING, was killed; NO HEARTBEAT for 3m", ["NOT RUNNING", "NO HEARTBEAT"]),
    ],
)
def test_states_and_alarms_in_a_sentence_are_painted_and_names_are_not(text: str, painted: list[str]) -> None:
    assert re.findall(r"(?:\x1b\[\d+m)+([^\x1b]+)\x1b\[0m", COLOURED.states(text)) == painted
    assert PLAIN.states(text) == text


@pytest.mark.parametrize("tone", Tone)
def test_each_colour_passes_the_door_to_the_terminal(tone: Tone) -> None:
    text = COLOURED.paint("text", tone, Tone.STRONG)
    assert harmless(text) == text != "text"


def test_facts_paint_labels_that_are_states_and_alarms() -> None:
    rows = [("error", "the ledger CANNOT BE READ: error"), ("disk", "LOW, 1 GB free"), ("", "and more")]
    plain = facts(rows, width=40)
    coloured = facts(rows, width=40, style=COLOURED)
    assert COLOUR.sub("", coloured) == plain
    assert coloured.count("\x1b[0m") == 3
    assert all(one in plain for one in ("CANNOT BE READ", *(name for name in ALARMS if name == "LOW")))


def test_a_long_line_becomes_several() -> None:
    assert paragraph("no engine is running; start one", width=20) == "no engine is\nrunning; start one"


@pytest.mark.parametrize(
    ("width", "heads"),
    [
        (None, "job when owner tags"),
        (60, "job when owner tags"),
        (51, "job when owner"),
        (42, "job when"),
        (24, "job when"),
    ],
)
def test_optional_columns_are_left_out_before_anything_else_is_cut(width: int | None, heads: str) -> None:
    rows = [("a" * 40, "2026-03-05 12:00 UTC", "ops", "db")]
    text = table(("job", "when", "owner", "tags"), rows, names=(0,), optional=(2, 3), width=width)
    assert text.split("\n")[0].split() == heads.split()
    assert "2026-03-05 12:00 UTC" in text or width == 24
