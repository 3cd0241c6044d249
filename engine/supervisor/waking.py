"""How a supervisor wakes the engine, what wakes a supervisor, and its clocks."""

import ctypes
import os
import select
import signal
import time
from typing import Final

READ_BYTES: Final = 65_536
_SFD_FLAGS: Final = os.O_NONBLOCK | os.O_CLOEXEC
_SIGSET_BYTES: Final = 128
_libc = ctypes.CDLL(None, use_errno=True)


def now_us() -> int:
    """The wall clock in microseconds since 1970."""
    return time.clock_gettime_ns(time.CLOCK_REALTIME) // 1000


def boot_seconds() -> float:
    """Seconds since boot, with suspends: for lengths of time, because the wall clock may be set."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Wake:
    """The engine's named pipe, kept open between attempts. Only a hint: the engine also looks by itself."""

    def __init__(self, path: str) -> None:
        """`path` is opened with the first message."""
        self._path = path
        self._pipe = -1

    def tell(self, line: bytes) -> None:
        """Write a line to the pipe.

        If the pipe has lost its reader, open it once more: it may have been replaced.
        """
        for _ in range(2):
            try:
                if self._pipe < 0:
                    self._pipe = os.open(self._path, os.O_WRONLY | os.O_NONBLOCK)
                os.write(self._pipe, line)
            except BlockingIOError:
                return  # the pipe is full, so the engine is woken anyway
            except OSError:
                self._close()
            else:
                return

    def _close(self) -> None:
        if self._pipe >= 0:
            os.close(self._pipe)
            self._pipe = -1


def child_signals() -> int:
    """A descriptor that is readable when a child has ended. A signal handler would interrupt each wait."""
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])
    mask = ctypes.create_string_buffer(_SIGSET_BYTES)
    _libc.sigemptyset(mask)
    _libc.sigaddset(mask, int(signal.SIGCHLD))
    handle = int(_libc.signalfd(-1, mask, _SFD_FLAGS))
    if handle < 0:
        raise OSError(ctypes.get_errno(), "signalfd")
    return handle


def take_all(handle: int) -> None:
    """Read and drop everything from a non-blocking descriptor."""
    try:
        os.read(handle, READ_BYTES)
    except BlockingIOError:
        pass


def poll_of(*handles: int) -> "select.poll":
    """A poll that waits until one of these descriptors is readable."""
    poll = select.poll()
    for handle in handles:
        poll.register(handle, select.POLLIN)
    return poll
