"""Reads the output and the kept files of attempts that were executed on other hosts, piece by piece."""

from collections.abc import Iterator
from typing import Final

from engine.core.lifecycle import Artifact, AttemptKey
from engine.core.pieces import LOG, PIECE_BYTES
from engine.ports import Pieces
from engine.supervisor.output import READ_BYTES, SEGMENT_BYTES, dropped_line

AT_ONCE: Final = READ_BYTES // PIECE_BYTES
"""How many pieces are read at once."""
PIECES_OF_A_FILE: Final = SEGMENT_BYTES // PIECE_BYTES
"""The pieces of an output are numbered as if each of its files had its full size."""


class PieceTail:
    """Reads pieces as `OutputTail` reads files."""

    def __init__(self, attempt: AttemptKey, pieces: Pieces) -> None:
        """Begin at the start."""
        self._attempt = attempt
        self._pieces = pieces
        self._seq = 0
        self._size = 0

    @property
    def has_begun(self) -> bool:
        """Whether something was read."""
        return (self._seq, self._size) > (0, 0)

    def read(self) -> bytes:
        """What was sent since the last call, with a line where a part was dropped."""
        return b"".join(self.parts())

    def parts(self) -> Iterator[bytes]:
        """The same in parts."""
        while found := self._pieces.read(
            self._attempt, copy=LOG, seq=self._seq, size=self._size, limit=AT_ONCE
        ):
            for one in found:
                missing = one.seq // PIECES_OF_A_FILE - self._seq // PIECES_OF_A_FILE - 1
                if missing > 0:
                    yield dropped_line(missing)
                new = one.content[self._size if one.seq == self._seq else 0 :]
                if new:
                    self._seq, self._size = one.seq, len(one.content)
                    yield new
                else:
                    self._seq, self._size = one.seq + 1, 0  # it is damaged


def read_sent_copy(attempt: AttemptKey, artifact: Artifact, pieces: Pieces) -> Iterator[bytes]:
    """The content of a copy as its host has sent it; less than that if it was not all sent."""
    seq, size = 0, 0
    while found := pieces.read(attempt, copy=artifact.copy, seq=seq, size=0, limit=AT_ONCE):
        for one in found:
            size += len(one.content)
            if one.seq != seq or size > artifact.size:
                return  # one is missing, or this is not what was kept
            yield one.content
            seq += 1
