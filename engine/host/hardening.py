"""What the engine does for itself as it begins: closed to its neighbours, with room for its files."""

import contextlib
import ctypes
import os
import resource
import signal

_PR_SET_DUMPABLE = 4


OWNER_RIGHTS = 0o700


def settle_in() -> int:
    """All that an engine does for itself before it makes its first file; the umask that its jobs get."""
    hear_signals()
    make_undumpable()
    return keep_owner_rights()


def keep_owner_rights() -> int:
    """Give no umask a say in what the owner may do with a file that is made with its rights; what it was."""
    umask = os.umask(0o077)
    os.umask(umask & ~OWNER_RIGHTS)
    return umask


def make_undumpable() -> None:
    """Close /proc/PID/environ and mem to other processes of the same user; leave no core (prctl(2))."""
    ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def hear_signals() -> None:
    """Take no blocked signal from whoever started this process, and let children be waited for.

    Runtimes with threads block signals, and start others so. Where SIGCHLD is ignored, the system forgets how
    children end: wait(2).
    """
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    if signal.getsignal(signal.SIGCHLD) is signal.SIG_IGN:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)


def allow_many_files() -> None:
    """Take as many open files as the system grants. Jobs keep the lower limit: select(2) knows 1,024 only."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
