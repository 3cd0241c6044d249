"""A part of a stored output, from a byte to a byte: what comes before it is not read.

The bytes are those of the whole output as it is read from its start, with a line where a part was dropped. A
file that was compressed has to be unpacked to know its length.
"""

from collections.abc import Callable, Iterator, Sequence
from copy import copy
from functools import partial
from itertools import pairwise
from os import PathLike, close, fstat

from engine.core.lifecycle import AttemptKey
from engine.core.pieces import LOG, Whereabouts
from engine.execution.sent_output import AT_ONCE, PIECES_OF_A_FILE
from engine.ports import Pieces
from engine.supervisor.output import READ_BYTES, SEGMENT_BYTES, OutputTail, dropped_line
from jobfile.model.namedtuple import NamedTuple


class Stretch(NamedTuple):
    """A part of an output that can be read from any of its bytes on."""

    length: int
    read: Callable[[int, int], Iterator[bytes]]
    """Its bytes from one to before another, in parts."""


def size_of(stretches: Sequence[Stretch]) -> int:
    """The number of bytes of an output."""
    return sum(one.length for one in stretches)


def between(stretches: Sequence[Stretch], first: int, last: int) -> Iterator[bytes]:
    """The bytes from the first to the last one. Less comes if an output was damaged or dropped meanwhile."""
    at = 0
    for one in stretches:
        begin, end = max(0, first - at), min(one.length, last + 1 - at)
        at += one.length
        left = end - begin
        for part in one.read(begin, end) if left > 0 else ():
            yield part
            left -= len(part)
        if left > 0:
            return


def stretches_here(folder: "PathLike[str]") -> list[Stretch]:
    """The stretches of an output whose files are here."""
    return list(_Files(folder).stretches())


def stretches_sent(attempt: AttemptKey, pieces: Pieces) -> list[Stretch]:
    """The stretches of an output that its host has sent: one for each of its files."""
    found: list[Stretch] = []
    files: dict[int, list[Whereabouts]] = {}
    for one in pieces.lengths(attempt):
        files.setdefault(one.seq // PIECES_OF_A_FILE, []).append(one)
    for before, number in pairwise([0, *sorted(files)]):
        missing = number - before - 1
        if missing > 0:
            found.append(_of_text(dropped_line(missing)))
        of_file = files[number]
        length = sum(one.size for one in of_file)
        found.append(Stretch(length, partial(_sent, attempt, pieces, of_file)))
    return found


def _of_text(text: bytes) -> Stretch:
    return Stretch(len(text), lambda begin, end: iter((text[begin:end],)))


def _sent(
    attempt: AttemptKey, pieces: Pieces, of_file: Sequence[Whereabouts], begin: int, end: int
) -> Iterator[bytes]:
    places, at = {}, 0
    for seq, size in of_file:
        if at + size > begin and at < end:
            places[seq] = (at, size)
        at += size
    while places:
        limit = min(AT_ONCE, len(places))
        found = pieces.read(attempt, copy=LOG, seq=min(places), size=0, limit=limit)
        for one in found:
            at, size = places.pop(one.seq, (0, 0))
            if not size or len(one.content) < size:
                return  # it is damaged, or one before it was dropped
            yield one.content[max(0, begin - at) : min(size, end - at)]
        if not found:
            return


class _Files(OutputTail):
    """Looks at the files of an output in the order in which `OutputTail` reads them."""

    def stretches(self) -> Iterator[Stretch]:
        while True:
            yield Stretch(self._length(), partial(self._between, self._number))
            following = self._next_number()
            if following is None:
                return
            missing = following - self._number - 1
            if missing:
                yield _of_text(dropped_line(missing))
            self._number, self._offset = following, 0

    def _length(self) -> int:
        name = self._stem if self._number == 0 else f"{self._stem}.{self._number}"
        try:
            handle = self._open(name)
        except FileNotFoundError:
            return sum(map(len, self._between(self._number, 0, SEGMENT_BYTES)))  # it may be compressed
        except OSError:
            return 0
        try:
            return fstat(handle).st_size
        finally:
            close(handle)

    def _between(self, number: int, begin: int, end: int) -> Iterator[bytes]:
        reading = copy(self)
        reading._number, reading._offset = number, begin
        while part := reading._read_file(min(READ_BYTES, end - reading._offset)):
            yield part
