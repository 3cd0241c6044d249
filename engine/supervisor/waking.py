"""How a supervisor wakes its engine, and how it is woken itself."""

import ctypes
import os
import select
import signal
from typing import Final

READ_BYTES: Final = 65_536
_SFD_FLAGS: Final = os.O_NONBLOCK | os.O_CLOEXEC
_SIGSET_BYTES: Final = 128
_libc = ctypes.CDLL(None, use_errno=True)


class Wake:
    """The engine's named pipe, open from one attempt to the next. A hint: the engine looks by itself, too."""

    def __init__(self, path: str) -> None:
        """Opened when there is something to tell."""
        self._path = path
        self._pipe = -1

    def tell(self, line: bytes) -> None:
        """Notify the engine. If the pipe has no reader any more, there may be a new one in its place."""
        for _ in range(2):
            try:
                if self._pipe < 0:
                    self._pipe = os.open(self._path, os.O_WRONLY | os.O_NONBLOCK)
                os.write(self._pipe, line)
            except BlockingIOError:
                return  # there is enough to read already
            except OSError:
                self._close()
            else:
                return

    def _close(self) -> None:
        if self._pipe >= 0:
            os.close(self._pipe)
            self._pipe = -1


def child_signals() -> int:
    """A handle that is readable when a child has ended. A handler would interrupt each wait for a job."""
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])
    mask = ctypes.create_string_buffer(_SIGSET_BYTES)
    _libc.sigemptyset(mask)
    _libc.sigaddset(mask, int(signal.SIGCHLD))
    handle = int(_libc.signalfd(-1, mask, _SFD_FLAGS))
    if handle < 0:
        raise OSError(ctypes.get_errno(), "signalfd")
    return handle


def take_all(handle: int) -> None:
    """Take what is there from a handle that does not block."""
    try:
        os.read(handle, READ_BYTES)
    except BlockingIOError:
        pass


def poll_of(*handles: int) -> "select.poll":
    """Waits for what can be read from any of them."""
    poll = select.poll()
    for handle in handles:
        poll.register(handle, select.POLLIN)
    return poll
