"""The plain course of an attempt by plain.c, where that was built.

Each of these says when it was not so plain; then it has changed nothing that matters, and the Python that is
beside it at each place does it at length.
"""

import ctypes
import os
from typing import Any, Final, NamedTuple  # what ctypes takes has no type of its own

LIBRARY: Final = f"{os.path.dirname(__file__)}/libplain.so"  # noqa: PTH120  no pathlib in the shim
_Numbers: Final = ctypes.c_int * 8
"""`struct begun`."""
_Longs: Final = ctypes.c_longlong * 5
"""`struct ended`."""


_Signals = _Size = ctypes.c_ulonglong
_Words: Final = (ctypes.c_char_p, ctypes.c_int)
"""Bytes and how many there are."""
_BEGIN: tuple[Any, ...] = (
    *(ctypes.c_int, *[ctypes.c_char_p] * 4, *_Words, ctypes.c_int, *_Words),
    *(*_Words * 3, ctypes.c_char_p, ctypes.c_int, ctypes.c_int, _Size, _Size),
    *(*[ctypes.c_int] * 5, _Signals, _Numbers),
)
"""What `begin` takes, in order: what is left out would be a wild pointer."""


def _load() -> "ctypes.CDLL | None":
    try:
        library = ctypes.CDLL(LIBRARY)
    except OSError:
        return None
    library.changed_signals.restype = _Signals
    library.begin.argtypes = _BEGIN
    return library


_library = _load()
_changed: "int | None" = None
"""The signals that this process catches or ignores, a bit for each; None where they may change."""


class Ended(NamedTuple):
    """How a process ended, whether its output is at its end, and whether no other child is left."""

    status: int
    max_rss_kb: int
    cpu_microseconds: int
    is_quiet: int
    is_alone: int


def is_built() -> bool:
    """Whether it is there."""
    return _library is not None


def note_signals() -> None:
    """From here on this process does with signals what it does now: that is looked up once."""
    global _changed
    _changed = None if _library is None else int(_library.changed_signals())


def take(run: bytes, scratch: bytes, new: bytes, name: bytes) -> int:
    """Make a run's folders and lock an attempt's evidence: its file, or a negative number."""
    return -1 if _library is None else int(_library.take(run, scratch, new, name))


def is_whole(file: int, name: bytes, marker: bytes, folder: bytes) -> bool:
    """Whether evidence is in its place and says what it said, and the attempt's folder is as it should be."""
    return _library is not None and bool(_library.is_whole(file, name, marker, len(marker), folder))


def begin(*about: object) -> "tuple[int, tuple[int, ...]]":
    """Begin an attempt: errno(3) or 0, and `struct begun`. Only where it is built."""
    assert _library is not None
    begun = _Numbers()
    changed = _library.changed_signals() if _changed is None else _changed
    problem = int(_library.begin(*about, changed, begun))
    return problem, tuple(begun)


def reap(pid: int, held: int, output: int) -> "Ended | None":
    """Take in the end of a process that has ended, and let its output end; None where it is not built.

    Raises OSError.
    """
    if _library is None:
        return None
    ended = _Longs()
    problem = int(_library.reap(pid, held, output, ended))
    if problem:
        raise OSError(problem, os.strerror(problem))
    return Ended(*ended)
