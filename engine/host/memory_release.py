"""Frees memory that an idle engine does not need."""

import ctypes
import os
from pathlib import Path

VALIDATOR = "jsonschema_rs"
"""Reads job files, and has more code than the interpreter."""
_MADV_DONTNEED = 4
_MAPS = Path("/proc/self/maps")


def give_back_code(library: str = VALIDATOR) -> int:
    """Let the system take back the code of a library that is used now and then; bytes of it that were mapped.

    Only what may be executed and not written: nothing of it can have been changed, and it is read from its
    file again when it is used: madvise(2), MADV_DONTNEED.
    """
    given = 0
    libc = ctypes.CDLL(None)
    try:
        lines = _MAPS.read_bytes().splitlines()  # the names of files, in whatever bytes they are
    except OSError:
        return 0
    for line in lines:
        place, rights, *_, name = line.split(maxsplit=5)
        if rights == b"r-xp" and os.fsencode(library) in name:
            start, end = (int(number, 16) for number in place.split(b"-"))
            if libc.madvise(ctypes.c_void_p(start), ctypes.c_size_t(end - start), _MADV_DONTNEED) == 0:
                given += end - start
    return given
