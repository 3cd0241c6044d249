"""Windows of a long output: they are what splitting the whole output gives, and cost little memory."""

import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.execution.attempt_output import AttemptOutput
from engine.execution.output_windows import (
    MAX_LINE_BYTES,
    MAX_WINDOW_BYTES,
    find_lines,
    read_window,
)
from engine.supervisor.output import READ_BYTES, SEGMENT_BYTES

LINES = [f"{number} {'x' * (number * 7919 % 400)}".encode() for number in range(1, 12_001)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An attempt whose output takes several reads."""
    made = tmp_path_factory.mktemp("attempt")
    (made / "output").write_bytes(b"\n".join(LINES) + b"\n")
    assert AttemptOutput(made).stored_bytes() > 2 * READ_BYTES
    return made


@given(st.integers(1, len(LINES) + 50), st.integers(1, 1_000))
def test_a_window_has_the_lines_from_its_first_on(folder: Path, first: int, most: int) -> None:
    found = read_window(AttemptOutput(folder), first=first, most=most)
    assert (found.first, found.total) == (first, len(LINES))
    assert list(found.lines) == LINES[first - 1 : first - 1 + most]


def test_a_line_between_two_reads_is_whole(folder: Path) -> None:
    over = (folder / "output").read_bytes()[:READ_BYTES].count(b"\n") + 1
    for first in range(over - 2, over + 3):
        found = read_window(AttemptOutput(folder), first=first, most=3)
        assert found.lines == tuple(LINES[first - 1 : first + 2])


@given(st.integers(1, 1_000))
def test_without_a_first_line_it_has_the_last_ones(folder: Path, most: int) -> None:
    found = read_window(AttemptOutput(folder), first=None, most=most)
    assert list(found.lines) == LINES[-most:]
    assert found.last == found.total


@given(st.text("0123456789 X", min_size=1, max_size=6), st.integers(1, 60))
def test_found_lines_are_the_first_that_have_the_text(folder: Path, text: str, most: int) -> None:
    wanted = text.lower().encode()
    expected = [(number, line) for number, line in enumerate(LINES, start=1) if wanted in line]
    found = find_lines(AttemptOutput(folder), text, most=most)
    assert list(found.lines) == expected[:most]
    assert found.is_all == (len(expected) <= most)


@pytest.mark.parametrize(
    ("output", "lines"),
    [(b"", []), (b"a", [b"a"]), (b"a\n", [b"a"]), (b"a\nb", [b"a", b"b"]), (b"\n\n", [b"", b""])],
)
def test_an_unfinished_last_line_counts(tmp_path: Path, output: bytes, lines: list[bytes]) -> None:
    (tmp_path / "output").write_bytes(output)
    found = read_window(AttemptOutput(tmp_path), first=None, most=10)
    assert list(found.lines) == lines
    assert found.total == len(lines)


def test_a_part_that_was_dropped_is_a_line(tmp_path: Path) -> None:
    (tmp_path / "output").write_bytes(b"first")
    (tmp_path / "output.3").write_bytes(b"last\n")
    dropped = f"[{2 * SEGMENT_BYTES} bytes of output were dropped here]".encode()
    assert read_window(AttemptOutput(tmp_path), first=1, most=9).lines == (b"first", dropped, b"last")


def test_a_line_without_end_is_cut(tmp_path: Path) -> None:
    (tmp_path / "output").write_bytes(b"y" * (3 * READ_BYTES) + b"\nnext\n")
    assert read_window(AttemptOutput(tmp_path), first=1, most=9).lines == (b"y" * MAX_LINE_BYTES, b"next")
    assert read_window(AttemptOutput(tmp_path), first=2, most=9).lines == (b"next",)


def test_a_window_of_very_long_lines_has_fewer(tmp_path: Path) -> None:
    (tmp_path / "output").write_bytes((b"z" * MAX_LINE_BYTES + b"\n") * 40)
    found = read_window(AttemptOutput(tmp_path), first=1, most=40)
    assert sum(map(len, found.lines)) <= MAX_WINDOW_BYTES + 2 * MAX_LINE_BYTES
    assert (found.last < found.total) is True


def test_a_long_output_costs_little_memory(tmp_path: Path) -> None:
    with (tmp_path / "output").open("wb") as file:
        for _ in range(32):
            file.write(b"all is well so far, and nothing needs a person\n" * 20_000)
    tracemalloc.start()
    read_window(AttemptOutput(tmp_path), first=None, most=500)
    find_lines(AttemptOutput(tmp_path), "NEEDLE", most=5)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8 * READ_BYTES < AttemptOutput(tmp_path).stored_bytes()
