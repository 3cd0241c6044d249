"""The system's clocks; the only place that reads them."""

import time
from datetime import UTC, datetime

_TIME_ERROR = 5
"""The result of adjtimex while the clock is not synchronized."""

_TIMEX_BYTES = 512
"""More than a `struct timex` of any platform; zeros ask and change nothing."""


class SystemClock:
    """Wall clock for what is due, boot time for how long."""

    def now(self) -> datetime:
        """The wall clock, aware UTC."""
        return datetime.now(UTC)  # noqa: TID251  this is the Clock

    def elapsed(self) -> float:
        """Seconds since boot, suspend included."""
        return time.clock_gettime(time.CLOCK_BOOTTIME)


def is_synchronized() -> bool | None:
    """Whether the system reports its wall clock as synchronized (adjtimex(2)); None if it does not know."""
    import ctypes  # noqa: PLC0415  start-up time: only an engine asks

    libc = ctypes.CDLL(None, use_errno=True)
    status = libc.adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES))
    return None if status < 0 else status != _TIME_ERROR
