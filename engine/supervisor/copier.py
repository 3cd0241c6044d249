"""Copies an attempt's artifacts in a process of its own, for its supervisor, which may not hang.

The process also loads what copying needs, so that the supervisor does not keep that in memory.
"""

import ctypes
import errno
import os
import select
import signal
import time
from collections.abc import Callable
from typing import Any, Final, NamedTuple  # an order is a plain dictionary

from engine.supervisor.storing import Filter

COPY_SECONDS: Final = 60.0
"""How long searching and copying may take."""
MORE_SECONDS: Final = 5.0
"""How much longer its process may live: a read that hangs does not notice the time."""
GONE_SECONDS: Final = 2.0
"""How long to wait for the end of a killed process; one that hangs in the kernel is given up."""
LOOK_MILLISECONDS: Final = 1000
_NOTHING: Final = 255
"""The exit code when there is nothing to keep; 0: there is a list; else errno(3)."""
_PR_SET_PDEATHSIG: Final = 1


class Copied(NamedTuple):
    """How copying ended: whether there is a list of artifacts, and what went wrong."""

    has_list: bool = False
    trouble: str = ""
    is_stuck: bool = False
    """Its process cannot be ended, so it is still a child of the supervisor."""


def copy_apart(
    order: dict[str, Any], mask: Filter, *, since_ns: int, must_stop: Callable[[], bool]
) -> Copied:
    """Copy the artifacts of an attempt. `must_stop` is asked each second. Raises OSError."""
    supervisor = os.getpid()
    pid = os.fork()
    if pid == 0:
        _copy(order, mask, since_ns, supervisor)
    end_at = time.monotonic() + COPY_SECONDS + MORE_SECONDS
    handle = os.pidfd_open(pid)
    try:
        poll = select.poll()
        poll.register(handle, select.POLLIN)
        while not poll.poll(LOOK_MILLISECONDS):
            is_late = time.monotonic() > end_at
            if must_stop() or is_late:
                signal.pidfd_send_signal(handle, signal.SIGKILL)
                is_gone = bool(poll.poll(GONE_SECONDS * 1000))
                if is_gone:
                    os.waitpid(pid, 0)
                why = f"copying them took longer than {COPY_SECONDS:.0f} seconds" if is_late else "killed"
                return Copied(trouble=why, is_stuck=not is_gone)
    finally:
        os.close(handle)
    return _end_of(os.waitpid(pid, 0)[1])


def _end_of(status: int) -> Copied:
    if not os.WIFEXITED(status):
        return Copied(trouble=f"the process that copied them was killed (signal {os.WTERMSIG(status)})")
    code = os.WEXITSTATUS(status)
    if code in (0, _NOTHING):
        return Copied(has_list=code == 0)
    return Copied(trouble=os.strerror(code))


def _copy(order: dict[str, Any], mask: Filter, since_ns: int, supervisor: int) -> None:
    """The life of the process. It closes the evidence first: only its supervisor may hold that."""
    code = errno.EIO

    def die_with_supervisor() -> None:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != supervisor:
            os._exit(code)

    try:
        os.closerange(3, os.sysconf("SC_OPEN_MAX"))
        die_with_supervisor()
        from engine.supervisor.artifacts import keep  # noqa: PLC0415  memory in each supervisor
        from engine.supervisor.rights import Rights  # noqa: PLC0415  as above

        user = order["confinement"]["user"] if order["confinement"] is not None else None
        rights = Rights(user, die_with_supervisor)
        code = 0 if keep(order, mask, rights, since_ns=since_ns, seconds=COPY_SECONDS) else _NOTHING
    except OSError as problem:
        code = problem.errno or errno.EIO
    finally:
        os._exit(code)
