"""The system's clocks; the only place that reads them."""

import time
from datetime import UTC, datetime

_TIME_ERROR = 5
"""The result of adjtimex while the clock is not synchronized."""

_TIMEX_BYTES = 512
"""More than the size of `struct timex` on any platform. All zeros, it only asks and changes nothing."""


class SystemClock:
    """The clocks of this host: wall clock for instants, boot time for lengths of time."""

    def now(self) -> datetime:
        """The wall clock, aware UTC."""
        return datetime.now(UTC)  # noqa: TID251  this is the Clock

    def elapsed(self) -> float:
        """Seconds since boot, with suspends."""
        return time.clock_gettime(time.CLOCK_BOOTTIME)


def is_synchronized() -> bool | None:
    """Whether the system reports its wall clock as synchronized (adjtimex(2)); None if it does not know."""
    import ctypes  # noqa: PLC0415  start-up time: only an engine asks

    libc = ctypes.CDLL(None, use_errno=True)
    status = libc.adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES))
    return None if status < 0 else status != _TIME_ERROR
