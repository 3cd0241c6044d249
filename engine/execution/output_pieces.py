"""Cuts the stored output of an attempt into pieces, from where it was left."""

from pathlib import Path

from engine.core.lifecycle import AttemptKey
from engine.core.pieces import LOG, PIECE_BYTES, Piece, Whereabouts
from engine.execution.sent_output import PIECES_OF_A_FILE
from engine.supervisor.output import SEGMENTS_KEPT, OutputTail


def pieces_after(folder: Path, attempt: AttemptKey, at: Whereabouts, *, most: int) -> list[Piece]:
    """The next pieces of an output, at most `most`; one that has grown comes again."""
    return _Files(folder, at).take(attempt, at, most)


def dropped_pieces(at: Whereabouts) -> range:
    """The numbers of the pieces that an output has dropped when it has grown to `at`."""
    return range(PIECES_OF_A_FILE, (at.seq // PIECES_OF_A_FILE - SEGMENTS_KEPT + 1) * PIECES_OF_A_FILE)


class _Files(OutputTail):
    def __init__(self, folder: Path, at: Whereabouts) -> None:
        super().__init__(folder)
        self._number = at.seq // PIECES_OF_A_FILE
        self._offset = at.seq % PIECES_OF_A_FILE * PIECE_BYTES

    def take(self, attempt: AttemptKey, at: Whereabouts, most: int) -> list[Piece]:
        found: list[Piece] = []
        while len(found) < most:
            seq = self._number * PIECES_OF_A_FILE + self._offset // PIECE_BYTES
            content, following = self._next_piece()
            if len(content) > (at.size if seq == at.seq else 0):
                found.append(Piece(attempt, LOG, seq, content))
            if len(content) == PIECE_BYTES:
                continue
            if following is None:
                break
            self._number, self._offset = following, 0
        return found

    def _next_piece(self) -> tuple[bytes, int | None]:
        """The piece at this place; if it is short, also the number of the file after it."""
        start = self._offset
        content = self._read_file(PIECE_BYTES)
        if len(content) == PIECE_BYTES:
            return content, None
        following = self._next_number()
        if following is not None:  # between the two looks, this file may have been filled
            self._offset = start
            content = self._read_file(PIECE_BYTES)
        return content, following
