"""Calls plain.c, the compiled version of the usual course of an attempt, where it was built; see README.md.

For any unusual case a function returns an error, without side effects that matter, and the caller does the
work in Python.
"""

import ctypes
import os
from typing import Any, Final, NamedTuple

LIBRARY: Final = f"{os.path.dirname(__file__)}/libplain.so"  # noqa: PTH120  no pathlib in the shim
_Signals = ctypes.c_ulonglong


class Order(ctypes.Structure):
    """`struct order`: the input of `begin`. The same fields in the same order as in plain.c."""

    _fields_ = (
        ("file", ctypes.c_int),
        ("new", ctypes.c_char_p),
        ("name", ctypes.c_char_p),
        ("control", ctypes.c_char_p),
        ("shelf", ctypes.c_char_p),
        ("content", ctypes.c_char_p),
        ("content_size", ctypes.c_int),
        ("acks", ctypes.c_int),
        ("ack", ctypes.c_char_p),
        ("ack_size", ctypes.c_int),
        ("paths", ctypes.c_char_p),
        ("paths_size", ctypes.c_int),
        ("argv", ctypes.c_char_p),
        ("argv_size", ctypes.c_int),
        ("env", ctypes.c_char_p),
        ("env_size", ctypes.c_int),
        ("folder", ctypes.c_char_p),
        ("input", ctypes.c_int),
        ("umask", ctypes.c_int),
        ("core_soft", ctypes.c_ulonglong),
        ("core_hard", ctypes.c_ulonglong),
        ("is_spared", ctypes.c_int),
        ("may_gain_rights", ctypes.c_int),
        ("roused", ctypes.c_int),
        ("bereaved", ctypes.c_int),
        ("milliseconds", ctypes.c_int),
        ("changed", _Signals),
        ("start_by", ctypes.c_longlong),
    )


class Started(ctypes.Structure):
    """`struct begun`: the result of `begin`."""

    _fields_ = tuple(
        (name, ctypes.c_int)
        for name in ("stage", "pid", "handle", "output", "held", "has_output", "has_ended", "is_roused")
    )


class _Ended(ctypes.Structure):
    """`struct ended`."""

    _fields_ = tuple(
        (name, ctypes.c_longlong)
        for name in ("status", "max_rss_kb", "cpu_microseconds", "is_quiet", "is_alone")
    )


def _load() -> "ctypes.CDLL | None":
    try:
        library = ctypes.CDLL(LIBRARY)
    except OSError:
        return None
    name, number = ctypes.c_char_p, ctypes.c_int
    library.changed_signals.argtypes = ()
    library.changed_signals.restype = _Signals
    library.take.argtypes = (name, name, name, name)
    library.is_whole.argtypes = (number, name, name, number, name)
    library.begin.argtypes = (ctypes.POINTER(Order), ctypes.POINTER(Started))
    library.reap.argtypes = (number, number, number, ctypes.POINTER(_Ended))
    return library


_library = _load()
_changed: "int | None" = None
"""The signals that this process catches or ignores, one bit for each; None while they may still change."""


class Ended(NamedTuple):
    """How a process ended, whether its output has ended, and whether no child is left. See `struct ended`."""

    status: int
    max_rss_kb: int
    cpu_microseconds: int
    is_quiet: int
    is_alone: int


def is_built() -> bool:
    """Whether plain.c was built."""
    return _library is not None


def leave_out() -> None:
    """Continue as if plain.c was not built; for tests."""
    global _library
    _library = None


def note_signals() -> None:
    """Remember which signals this process catches or ignores; call it when that does not change any more."""
    global _changed
    _changed = None if _library is None else int(_library.changed_signals())


def take(run: bytes, scratch: bytes, new: bytes, name: bytes) -> int:
    """Make a run's folders and lock an attempt's evidence; return its descriptor, or -1."""
    return -1 if _library is None else int(_library.take(run, scratch, new, name))


def is_whole(file: int, name: bytes, marker: bytes, folder: bytes) -> bool:
    """Whether the evidence is in its place with its marker, and the attempt's folder is accessible."""
    return _library is not None and bool(_library.is_whole(file, name, marker, len(marker), folder))


def begin(order: Order) -> "tuple[int, Any]":
    """Start an attempt: 0 or errno(3), and `struct begun`. Call it only when `is_built()`."""
    assert _library is not None
    order.changed = _library.changed_signals() if _changed is None else _changed
    started = Started()
    return int(_library.begin(order, started)), started


def reap(pid: int, held: int, output: int) -> "Ended | None":
    """Reap a process that has ended, and let its output end; None when plain.c was not built.

    Raises OSError.
    """
    if _library is None:
        return None
    found = _Ended()
    problem = int(_library.reap(pid, held, output, found))
    if problem:
        raise OSError(problem, os.strerror(problem))
    return Ended(found.status, found.max_rss_kb, found.cpu_microseconds, found.is_quiet, found.is_alone)
