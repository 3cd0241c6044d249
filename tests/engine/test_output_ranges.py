"""A part of an output is what cutting the whole gives, and only that part is read."""

import gzip
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.lifecycle import AttemptKey
from engine.core.pieces import PIECE_BYTES, Piece, Whereabouts
from engine.execution.attempt_output import AttemptOutput
from engine.execution.output_ranges import between, size_of
from engine.execution.sent_output import AT_ONCE, PIECES_OF_A_FILE, PieceTail
from engine.supervisor.output import HEAD_BYTES, READ_BYTES, SEGMENT_BYTES, OutputTail

KEY = AttemptKey("0" * 32, 1)
FILES = st.dictionaries(st.integers(0, 6), st.tuples(st.binary(max_size=40), st.booleans()), max_size=5)
PARTS = st.lists(st.tuples(st.integers(0, 300), st.integers(0, 300)), min_size=1, max_size=5)


def write(folder: Path, files: dict[int, tuple[bytes, bool]]) -> None:
    """The files of an output by number, each as it was written or compressed."""
    for old in folder.iterdir():
        old.unlink()
    for number, (content, is_packed) in files.items():
        name = f"output.{number}" if number else "output"
        if is_packed:
            (folder / f"{name}.gz").write_bytes(gzip.compress(content))
        else:
            (folder / name).write_bytes(content)


@given(FILES, PARTS)
def test_a_part_of_files_is_that_of_the_whole(
    tmp_path_factory: pytest.TempPathFactory,
    files: dict[int, tuple[bytes, bool]],
    parts: list[tuple[int, int]],
) -> None:
    """Also where a part was dropped, and of files that were compressed."""
    folder = tmp_path_factory.getbasetemp() / "ranges"
    folder.mkdir(exist_ok=True)
    write(folder, files)
    whole, stretches = OutputTail(folder).read(), AttemptOutput(folder).stretches()
    assert size_of(stretches) == len(whole)
    for first, last in parts:
        assert b"".join(between(stretches, first, last)) == whole[first : last + 1]


class KeptPieces:
    """Pieces in memory, and which of them were read."""

    def __init__(self, kept: dict[int, bytes]) -> None:
        self._kept = kept
        self.seen: list[int] = []

    def read(self, attempt: AttemptKey, *, copy: int, seq: int, size: int, limit: int) -> list[Piece]:
        found = [
            Piece(attempt, copy, one, content)
            for one, content in sorted(self._kept.items())
            if one > seq or (one == seq and len(content) > size)
        ][:limit]
        self.seen += [one.seq for one in found]
        return found

    def lengths(self, attempt: AttemptKey) -> list[Whereabouts]:
        return [Whereabouts(seq, len(content)) for seq, content in sorted(self._kept.items())]

    def stored_bytes(self, attempt: AttemptKey) -> int:
        return sum(map(len, self._kept.values()))


SEQS = st.lists(
    st.sampled_from([0, 1, 2, *(PIECES_OF_A_FILE * file + at for file in (1, 4, 5) for at in (0, 1))]),
    unique=True,
    max_size=6,
)


@given(SEQS, st.binary(min_size=1, max_size=30), PARTS)
def test_a_part_of_what_a_host_has_sent_is_that_of_the_whole(
    seqs: list[int], content: bytes, parts: list[tuple[int, int]]
) -> None:
    pieces = KeptPieces({seq: content[seq % 3 :] + b"." for seq in seqs})
    whole = PieceTail(KEY, pieces).read()
    stretches = AttemptOutput(Path("/nonexistent"), KEY, pieces).stretches()
    assert size_of(stretches) == len(whole)
    for first, last in parts:
        assert b"".join(between(stretches, first, last)) == whole[first : last + 1]


def test_only_the_part_is_read_of_files(tmp_path: Path) -> None:
    """What the kernel counts as read by this process, of an output of 16 MB."""
    for name, size in (
        ("output", HEAD_BYTES),
        *((f"output.{number}", SEGMENT_BYTES) for number in (1, 2, 3)),
    ):
        with (tmp_path / name).open("wb") as file:
            file.truncate(size)

    def read() -> int:
        return int(Path("/proc/self/io").read_text().split("rchar: ")[1].split()[0])

    before = read()
    stretches = AttemptOutput(tmp_path).stretches()
    size = size_of(stretches)
    assert size == 16 * 1024 * 1024
    for first in (0, HEAD_BYTES - 5, size - 10):
        assert len(b"".join(between(stretches, first, first + 9))) == 10
    assert read() - before < READ_BYTES // 16


def test_only_the_pieces_of_the_part_are_read() -> None:
    pieces = KeptPieces(dict.fromkeys(range(3 * AT_ONCE), b"x" * PIECE_BYTES))
    stretches = AttemptOutput(Path("/nonexistent"), KEY, pieces).stretches()
    first = 5 * PIECE_BYTES - 1
    assert len(b"".join(between(stretches, first, first + 1))) == 2
    assert pieces.seen == [4, 5]


def test_of_a_damaged_piece_nothing_more_is_given() -> None:
    """The length was said before: a download that ends early is seen to be broken."""
    pieces = KeptPieces({0: b"a" * PIECE_BYTES, 1: b"b" * PIECE_BYTES, 2: b"c"})
    stretches = AttemptOutput(Path("/nonexistent"), KEY, pieces).stretches()
    pieces._kept[1] = b""
    assert b"".join(between(stretches, 0, 3 * PIECE_BYTES)) == b"a" * PIECE_BYTES
