"""The system's clocks; the only place that reads them."""

import time
from datetime import UTC, datetime


class SystemClock:
    """Wall clock for what is due, boot time for how long."""

    def now(self) -> datetime:
        """The wall clock, aware UTC."""
        return datetime.now(UTC)  # noqa: TID251  this is the Clock

    def elapsed(self) -> float:
        """Seconds since boot, suspend included."""
        return time.clock_gettime(time.CLOCK_BOOTTIME)
