"""Output on a terminal: nothing that a job writes moves the cursor, sets the title or hides a line."""

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.execution.output_text import NeutralText

JOBFILE = str(Path(sys.executable).parent / "jobfile")


def neutral(content: bytes, *, has_colour: bool = False, sizes: tuple[int, ...] = ()) -> str:
    text = NeutralText(has_colour=has_colour)
    shown = ""
    for size in sizes:
        shown += text.feed(content[:size])
        content = content[size:]
    return shown + text.feed(content) + text.rest()


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        (b"plain\ttext\n", "plain\ttext\n"),
        (b"one\r\ntwo\rthree\n", "one\ntwo\nthree\n"),
        (b"a\xff\xfeb\n", "a\ufffd\ufffdb\n"),
        (b"\x1b[2J\x1b[Hhidden\x1b[?25l\n", "hidden\n"),
        (b"\x1b]0;title\x07x\x1b]52;c;aGk=\x1b\\y\n", "xy\n"),
        (b"\x1b]0;never ended\nthe next line\n", "\nthe next line\n"),
        (b"\x1bPdevice\x1b\\\x1b_app\x1b\\\x1b^pm\x1b\\\x1bXsos\x1b\\end\n", "end\n"),
        ("\x9b2J\x9d0;t\x9cc1\n".encode(), "c1\n"),
        (b"\x1b(0\x1bc\x1b7kept\n", "kept\n"),
        (b"bell\x07 back\x08 nul\x00 del\x7f\n", "bell\\x07 back\\x08 nul\\x00 del\\x7f\n"),
        ("bidi\u202e\u2066 line\u2028 bom\ufeff\n".encode(), "bidi\\u202e\\u2066 line\\u2028 bom\\ufeff\n"),
        (b"cut off \x1b[31", "cut off 31"),
        ("Grüße 日本\n".encode(), "Grüße 日本\n"),
    ],
)
def test_text_that_controls_a_terminal_is_removed_or_shown(written: bytes, shown: str) -> None:
    assert neutral(written) == shown


def test_colours_pass_where_there_is_colour_and_end_with_their_line() -> None:
    written = b"\x1b[1;31mred\nplain\x1b[4:3m\x1b[2K"
    assert neutral(written, has_colour=True) == "\x1b[1;31mred\x1b[0m\nplain\x1b[4:3m\x1b[0m"
    assert neutral(written) == "red\nplain"


PARTS = st.sampled_from(
    [
        b"\x1b",
        b"[",
        b"]",
        b"P",
        b"0;1",
        b"m",
        b"J",
        b"\x07",
        b"\\",
        b"\n",
        b"\r",
        b"a",
        b"\xc2",
        b"\x9b",
        b"\x9d",
        b"\xe2\x80",
        b"\xae",
        b"\x00",
        b" ",
        b"\x1b[31m",
        b"\x1b]0;",
    ]
)


@given(
    st.lists(PARTS | st.binary(max_size=3), max_size=30),
    st.lists(st.integers(0, 5), max_size=20),
    st.booleans(),
)
def test_output_in_parts_is_shown_alike_and_never_controls_the_terminal(
    parts: list[bytes], sizes: list[int], has_colour: bool
) -> None:
    written = b"".join(parts)
    whole = neutral(written, has_colour=has_colour)
    assert neutral(written, has_colour=has_colour, sizes=tuple(sizes)) == whole
    left = re.sub(r"\x1b\[[0-9;:]*m", "", whole) if has_colour else whole
    assert all(one.isprintable() or one in "\n\t" or one == "\ufffd" or ord(one) > 0xFF for one in left)


def test_a_sequence_that_never_ends_is_not_held_for_ever() -> None:
    text = NeutralText(has_colour=False)
    assert text.feed(b"\x1b[" + b"1" * 10_000) == "1" * 10_000


def test_a_terminal_gets_text_and_a_pipe_gets_the_bytes(tmp_path: Path) -> None:
    body = r"printf 'a\033]0;title\007\033[31mred\033[0m\377\n'"
    (tmp_path / "jobs.yaml").write_text(f"version: 1\njobs:\n  a:\n    run: |\n      {body}\n")
    subprocess.run([JOBFILE, "run", "a"], cwd=tmp_path, check=True, capture_output=True)
    piped = subprocess.run([JOBFILE, "logs", "a"], cwd=tmp_path, check=True, capture_output=True).stdout
    assert piped == b"a\x1b]0;title\x07\x1b[31mred\x1b[0m\xff\n"
    for colour, shown in (({"NO_COLOR": "1"}, "ared\ufffd"), ({}, "a\x1b[31mred\x1b[0m\ufffd\x1b[0m")):
        ours, theirs = pty.openpty()
        environ = {name: value for name, value in os.environ.items() if name != "NO_COLOR"} | colour
        subprocess.run([JOBFILE, "logs", "a"], cwd=tmp_path, check=True, stdout=theirs, env=environ)
        os.close(theirs)
        assert os.read(ours, 1000).decode() == f"{shown}\r\n"
        os.close(ours)
