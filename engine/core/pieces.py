"""The output of an attempt, and the files that it kept, in pieces, as a ledger of several hosts has them."""

from typing import Final

from engine.core.lifecycle import Artifact, AttemptKey
from jobfile.model.namedtuple import NamedTuple

PIECE_BYTES: Final = 64 * 1024
"""The size of a piece. The last one is shorter, and grows."""
LOG: Final = 0
"""The copy that is no artifact, but what the attempt wrote. Copies of artifacts are numbered from 1."""
MAX_COPY_BYTES: Final = 1024 * 1024
"""Maximum size of an artifact that other hosts can read; a larger one stays with its host."""
MAX_COPIES_BYTES: Final = 16 * 1024 * 1024
"""Maximum size of all artifacts of an attempt that other hosts can read; the first ones have room."""


class Piece(NamedTuple):
    """A part of what an attempt wrote, or of a file that it kept."""

    attempt: AttemptKey
    copy: int
    seq: int
    """Its number, from 0: it begins at the byte `seq * PIECE_BYTES`."""
    content: bytes


class Whereabouts(NamedTuple):
    """How far something was sent: to a byte of a piece."""

    seq: int = 0
    size: int = 0
    """How many bytes of that piece."""


def shared_artifacts(found: tuple[Artifact, ...]) -> tuple[Artifact, ...]:
    """Those of an attempt's artifacts that other hosts can read."""
    shared, room = [], MAX_COPIES_BYTES
    for one in found:
        if one.copy and one.size <= min(MAX_COPY_BYTES, room):
            shared.append(one)
            room -= one.size
    return tuple(shared)
