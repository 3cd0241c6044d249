"""What the engine does first: it closes itself to other processes, and raises its file limit."""

import contextlib
import ctypes
import os
import resource
import signal

_PR_SET_DUMPABLE = 4


OWNER_RIGHTS = 0o700


def settle_in() -> int:
    """Everything an engine does before it creates its first file; returns the umask for its jobs."""
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
    """Unblock signals that the parent process blocked, and make children waitable.

    Runtimes with threads block signals, and start others so. Where SIGCHLD is ignored, the system forgets how
    children end: wait(2).
    """
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    if signal.getsignal(signal.SIGCHLD) is signal.SIG_IGN:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)


def allow_many_files() -> None:
    """Raise the open-file limit to its maximum. Jobs keep the lower one: select(2) handles only 1,024."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
