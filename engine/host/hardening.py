"""The first steps of an engine: it closes itself to other processes, and raises its open-file limit."""

import contextlib
import ctypes
import os
import resource
import signal

_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
PARENT = "JOBFILE_PARENT"
"""In the environment of a program of ours: the process with which it has to end."""


OWNER_RIGHTS = 0o700


def settle_in() -> int:
    """Do everything that must come before an engine creates a file; return the umask for its jobs."""
    hear_signals()
    make_undumpable()
    return keep_owner_rights()


def keep_owner_rights() -> int:
    """Allow the owner all rights on new files, whatever the umask is; return the original umask."""
    umask = os.umask(0o077)
    os.umask(umask & ~OWNER_RIGHTS)
    return umask


def make_undumpable() -> None:
    """Close /proc/PID/environ and mem to other processes of the same user, and
    write no core file: prctl(2).
    """
    ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def die_with_parent(parent: int) -> None:
    """Be killed when the thread that started this process ends, also while it is stopped: prctl(2)."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it has ended before
        os.kill(os.getpid(), signal.SIGKILL)


def hear_signals() -> None:
    """Unblock signals that the parent process blocked, and make children waitable.

    Blocked and ignored signals are inherited, and some multi-threaded runtimes start processes with blocked
    ones. While SIGCHLD is ignored, the kernel discards the exit codes of children: wait(2).
    """
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    if signal.getsignal(signal.SIGCHLD) is signal.SIG_IGN:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)


def allow_many_files() -> None:
    """Raise the open-file limit to its maximum.

    Jobs keep the lower one, because select(2) handles only 1,024 files.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
