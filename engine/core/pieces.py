"""The pieces in which hosts send the output and the artifacts of attempts to a shared ledger."""

from collections.abc import Iterable
from typing import Final

from engine.core.lifecycle import Artifact, AttemptKey
from jobfile.model.namedtuple import NamedTuple

PIECE_BYTES: Final = 64 * 1024
"""The size of a piece. The last one is shorter, and grows."""
LOG: Final = 0
"""The number of the output among the copies of an attempt; those of its artifacts are numbered from 1."""


class Piece(NamedTuple):
    """A part of what an attempt wrote, or of a file that it kept."""

    attempt: AttemptKey
    copy: int
    seq: int
    """Its number, from 0: it begins at the byte `seq * PIECE_BYTES`."""
    content: bytes


class CopyLimits(NamedTuple):
    """Which artifacts other hosts can read: a larger one stays with its host."""

    copy_bytes: int
    """Maximum size of one artifact."""
    copies_bytes: int
    """Maximum size of all artifacts of an attempt together; one that no longer fits is left out."""
    piece_bytes: int
    """The size of their pieces."""


IN_LEDGER: Final = CopyLimits(copy_bytes=2**20, copies_bytes=16 * 2**20, piece_bytes=PIECE_BYTES)
"""The limits of a ledger, which should not hold large files."""


class Whereabouts(NamedTuple):
    """How far something was sent: up to a byte of a piece."""

    seq: int = 0
    size: int = 0
    """How many bytes of that piece."""


def shared_artifacts(found: Iterable[Artifact], limits: CopyLimits) -> list[Artifact]:
    """The artifacts of an attempt that other hosts can read."""
    shared, room = [], limits.copies_bytes
    for one in found:
        if one.copy and one.size <= min(limits.copy_bytes, room):
            shared.append(one)
            room -= one.size
    return shared
