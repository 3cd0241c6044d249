"""Lets a process of the engine read files with the rights of a job's user, and write with its own.

The user may have put links to files into its folder that only the engine may read. So a process that copies
files for it reads as that user, and changes back only to write into a folder of the engine.
"""

import ctypes
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final  # an order is a plain dictionary

_CAPABILITY_VERSION: Final = 0x20080522
_CAP_DAC_OVERRIDE, _CAP_DAC_READ_SEARCH = 1, 2
_libc = ctypes.CDLL(None, use_errno=True)


class Rights:
    """The rights with which a process opens files: those of a user, or, without one, its own."""

    def __init__(self, user: dict[str, Any] | None, after_change: Callable[[], None]) -> None:
        """Has its own rights yet. `after_change` is called after each change: it ends PR_SET_PDEATHSIG."""
        self._user = user
        self._own = os.geteuid(), os.getegid()
        self._after_change = after_change

    def become(self) -> None:
        """Take the rights of the user. Raises OSError."""
        if self._user is None:
            return
        _give_up_passing_checks()  # an engine without root would keep these capabilities as another user
        os.setgroups(self._user["groups"])
        self._change(self._user["uid"], self._user["gid"])

    @contextmanager
    def own(self) -> Iterator[None]:
        """Inside, the process has its own rights. Raises OSError."""
        if self._user is None or os.geteuid() == self._own[0]:
            yield
            return
        self._change(*self._own)
        try:
            yield
        finally:
            self._change(self._user["uid"], self._user["gid"])

    def _change(self, uid: int, gid: int) -> None:
        if os.geteuid() != self._own[0]:
            os.seteuid(self._own[0])  # only this user may change the group
        os.setegid(gid)
        os.seteuid(uid)
        self._after_change()


def _give_up_passing_checks() -> None:
    """Give up the capabilities that let a process read files without asking for their rights. Raises OSError.

    Permanently: afterwards the process has to own what it writes.
    """
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION, 0)
    data = (ctypes.c_uint32 * 6)()  # effective, permitted and inheritable, first of the capabilities below 32
    _check(_libc.capget(header, data))
    kept = ~(1 << _CAP_DAC_OVERRIDE | 1 << _CAP_DAC_READ_SEARCH) & 0xFFFFFFFF
    for index in range(3):
        data[index] &= kept
    _check(_libc.capset(header, data))


def _check(result: int) -> None:
    if result:
        problem = ctypes.get_errno()
        raise OSError(problem, os.strerror(problem))
