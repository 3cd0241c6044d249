"""The lease of an attempt: how long it may run on this host without a renewal from the ledger.

Its engine asks the ledger again and again, and after each answer moves the end of the lease. When the ledger
cannot be reached, another host may start the job's next attempt; by then this one must be over. The engine
may hang or be dead, so the supervisor ends the attempt.
"""

import ctypes
import errno
import os
import signal
import struct
import time
from typing import Any, Final  # an order is a plain dictionary

from engine.supervisor.evidence import LEASE, LEASE_BYTES, beside, lease_in
from engine.supervisor.namespace import FILE
from engine.supervisor.waking import boot_seconds

LOOK_SECONDS: Final = 1.0
"""How often the file is read when the end is near, and how often a stopped supervisor is woken after it."""
PART: Final = 3
"""SIGTERM comes at most this part of the lease before its end: a third."""
LOOKS: Final = 2
"""The file may be read while the engine writes it, so what cannot be trusted is read once more."""
_NO_SPACE: Final = (errno.ENOSPC, errno.EDQUOT)
_TIMER_ABSTIME: Final = 1
_EVENT: Final = struct.Struct("Pii48x")
"""`struct sigevent`, of which only a value, the signal and the way are used: sigevent(7)."""
_TIMES: Final = struct.Struct("llll")
"""`struct itimerspec`, seconds and nanoseconds of the interval and of the instant: timer_settime(2)."""
_libc = ctypes.CDLL(None)


def is_too_late(order: dict[str, Any]) -> bool:
    """Whether an order is too old. This is checked while the lock is held, so an attempt that has left no
    evidence by then is never executed by an old order.
    """
    return order["lease"] is not None and bool(boot_seconds() > order["lease"][2])


class HeldLease:
    """The end of an attempt's lease, as far as its supervisor knows it."""

    def __init__(self, order: "dict[str, Any]") -> None:
        """Begin with what the order says, or what the engine has written since.

        Raises OSError when the disk is full.
        """
        self.until: float
        self._seconds: float
        self.until, self._seconds, _ = order["lease"]
        self._key: bytes = order["key"]
        self._boot_id: str = order["boot_id"]
        self._path = beside(order["run_dir"], LEASE)
        self.grace: float = min(order["kill_grace_seconds"], self._seconds / PART)
        """How long before the end SIGTERM comes."""
        self._reserve()
        self._alarm = Alarm()
        self._look(boot_seconds())

    @property
    def ask_at(self) -> float:
        """When SIGTERM is due, in seconds since boot."""
        return self.until - self.grace

    def is_over(self, *, early: float = 0.0) -> bool:
        """Whether it ends within `early` seconds. Reads the file before it says yes, or if that is near."""
        now = boot_seconds()
        if now >= min(self._look_at, self.until - early):
            self._look(now)
        return now >= self.until - early

    def limit(self, at: float) -> float:
        """An instant, or the end of the lease if that is earlier."""
        self.is_over()
        return min(at, self.until)

    def close(self) -> None:
        """The attempt is over."""
        self._alarm.close()

    def _reserve(self) -> None:
        """Reserve the space for what the engine will write: a disk that fills up must not end the job."""
        try:
            file = os.open(self._path, os.O_CREAT | os.O_WRONLY | FILE, 0o600)
            try:
                os.posix_fallocate(file, 0, LEASE_BYTES)
            finally:
                os.close(file)
        except OSError as problem:
            if problem.errno in _NO_SPACE:
                raise  # otherwise something else is in its place, and the engine removes that

    def _look(self, now: float) -> None:
        for _ in range(LOOKS):
            found = self._written()
            if found:
                self.until = max(self.until, found / 1_000_000)
                break
        # An engine that reaches the ledger moves the end long before SIGTERM would come: then this reads once
        # for each time that it is moved.
        self._look_at = max(now + LOOK_SECONDS, self.ask_at - self._seconds / PART)
        self._alarm.set(self.ask_at if now < self.ask_at else self.until)

    def _written(self) -> int:
        """What the engine has written: microseconds since boot; 0 if there is nothing to trust."""
        try:
            file = os.open(self._path, os.O_RDONLY | FILE)
        except OSError:
            return 0
        try:
            return lease_in(os.pread(file, LEASE_BYTES + 1, 0), self._boot_id, self._key)
        except OSError:
            return 0
        finally:
            os.close(file)


class Alarm:
    """A timer that sends this process SIGCONT at an instant, and each second after it.

    SIGCONT wakes a supervisor from each of its waits, which do not count the time of a suspend. It also
    continues one that was stopped, by its own job for instance: the lease still ends that job. Without this
    timer, in an old libc, a supervisor notices the end within a second after it is continued.
    """

    def __init__(self) -> None:
        """Make the timer; a new process does not inherit it."""
        self._timer = ctypes.c_void_p()
        event = _EVENT.pack(0, signal.SIGCONT, 0)
        try:
            made = _libc.timer_create(time.CLOCK_BOOTTIME, event, ctypes.byref(self._timer))
        except AttributeError:
            made = -1
        self._is_made = made == 0

    def set(self, at: float) -> None:
        """Choose the instant, in seconds since boot; one that has passed means at once."""
        if self._is_made:
            whole, part = divmod(max(at, 1.0), 1)
            times = _TIMES.pack(int(LOOK_SECONDS), 0, int(whole), int(part * 1_000_000_000))
            _libc.timer_settime(self._timer, _TIMER_ABSTIME, times, None)

    def close(self) -> None:
        """Delete the timer."""
        if self._is_made:
            _libc.timer_delete(self._timer)
            self._is_made = False
