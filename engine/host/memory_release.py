"""Frees memory that a process does not need now."""

import contextlib
import ctypes
import os
from pathlib import Path

VALIDATOR = "jsonschema_rs"
"""The library that validates job files: it has more code than the interpreter."""
_MADV_DONTNEED = 4
_M_ARENA_MAX = -8
ARENAS = 2
"""In how many places the threads of a process take memory. By default each thread has its own, and keeps what
is freed there.
"""
_MAPS = Path("/proc/self/maps")


def give_back_code(library: str = VALIDATOR) -> int:
    """Release the memory of a library's code that is rarely used; return the number of bytes.

    Only pages that are executable and not writable: they cannot have been changed, so the kernel reads them
    from the file again when the code is used next. See madvise(2), MADV_DONTNEED.
    """
    given = 0
    libc = ctypes.CDLL(None)
    try:
        lines = _MAPS.read_bytes().splitlines()  # as bytes: names of files may have any
    except OSError:
        return 0
    for line in lines:
        place, rights, *_, name = line.split(maxsplit=5)
        if rights == b"r-xp" and os.fsencode(library) in name:
            start, end = (int(number, 16) for number in place.split(b"-"))
            if libc.madvise(ctypes.c_void_p(start), ctypes.c_size_t(end - start), _MADV_DONTNEED) == 0:
                given += end - start
    return given


def share_arenas() -> None:
    """Let all threads take memory in the same few places: mallopt(3). Only the library of GNU has them."""
    with contextlib.suppress(AttributeError):
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, ARENAS)


def give_back_freed() -> None:
    """Give the kernel what was freed between things that are in use: malloc_trim(3)."""
    with contextlib.suppress(AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
