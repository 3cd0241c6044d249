"""Colours of logs: classes only, and the text is what it is without them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.execution.output_text import NeutralText
from engine.web.ansi import MAX_SHOWN, Part, parts_of, plain_text
from jobfile.model.regex import regex

CLASSES = regex(r"(ansi-[a-z-]+( ansi-[a-z-]+)*)?")
PIECES = st.one_of(
    st.text(max_size=8).map(str.encode),
    st.binary(max_size=8),
    st.lists(st.integers(0, 300), max_size=5).map(
        lambda codes: f"\x1b[{';'.join(map(str, codes))}m".encode()
    ),
)


@pytest.mark.parametrize(
    ("line", "parts"),
    [
        (b"plain", [("", "plain")]),
        (b"\x1b[31mred\x1b[0m not", [("ansi-red", "red"), ("", " not")]),
        (
            b"\x1b[1;32mok\x1b[22m ok\x1b[39m.",
            [("ansi-bold ansi-green", "ok"), ("ansi-green", " ok"), ("", ".")],
        ),
        (b"\x1b[97;41mx", [("ansi-white ansi-on-red", "x")]),
        (b"\x1b[38;5;9mx\x1b[38;5;200my", [("ansi-red", "x"), ("ansi-red", "y")]),
        (b"\x1b[38;2;1;4;3mx", [("", "x")]),
        (b"10%\r20%", [("", "10%\n20%")]),
    ],
)
def test_a_colour_is_a_class(line: bytes, parts: list[Part]) -> None:
    assert list(parts_of(line)) == [Part(*one) for one in parts]


@given(st.lists(PIECES, max_size=12).map(b"".join).map(lambda line: line.replace(b"\n", b"")))
def test_without_its_colours_a_line_is_as_logs_print_it(line: bytes) -> None:
    plain = NeutralText(has_colour=False)
    assert plain_text(line) == plain.feed(line) + plain.rest()
    assert all(CLASSES.fullmatch(part.classes) for part in parts_of(line))


def test_a_very_long_line_says_that_its_rest_is_left_out() -> None:
    *_, last = parts_of(b"x" * (MAX_SHOWN + 1))
    assert "left out" in last.text
    assert len(plain_text(b"x" * MAX_SHOWN)) == MAX_SHOWN
