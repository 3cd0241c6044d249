"""The lead: of all engines on a ledger, one decides what runs."""

import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Final

from engine.core.errors import JobfileError, StoreUnavailableError, SupersededError
from engine.ledger.host_ports import Leadership
from engine.ports import Clock

ASKS: Final = 4
"""How many times a leader renews its lead before it would end."""
WAIT_SECONDS: Final = 0.5
"""How often an engine that does not lead asks for the lead."""
RETRY_SECONDS: Final = 0.5
"""How soon a failed renewal of a lead or of leases is repeated, because these may be short."""
SPARE_SECONDS: Final = 1.0
"""A leader stops this much before another may lead. The ledger refuses whatever it writes later."""


class Lead:
    """The lead of one process."""

    def __init__(
        self,
        leadership: Leadership,
        clock: Clock,
        *,
        holder: str,
        host: str,
        length: timedelta,
        refuse: Callable[[], None] = lambda: None,
        hindrance: Callable[[], str] = lambda: "",
    ) -> None:
        """Not leading yet. `refuse` raises when this process must not lead, or must stop leading.

        `hindrance` returns why it must not lead now, and '' once it may.
        """
        self._refuse = refuse
        self._hindrance = hindrance
        self._leadership = leadership
        self._clock = clock
        self._holder = holder
        self._host = host
        self._length = length
        self._until = 0.0
        self.term = 0

    def wait(self, ended: threading.Event) -> bool:
        """Wait until this process leads; False when it was ended before."""
        while not ended.is_set():
            with suppress(StoreUnavailableError):  # it may be there again soon
                self._refuse()
                if not self._hindrance() and self._ask():
                    return True
            ended.wait(WAIT_SECONDS)
        return False

    def keep(self) -> float:
        """Renew the lead; the seconds until that is due again. Raises SupersededError when it is over."""
        try:
            self._refuse()
            leads = self._ask()
            hindrance = self._hindrance()
        except JobfileError as error:
            if self._clock.elapsed() < self._until:
                raise
            late = f"the lead could not be renewed in time ({error}); this engine stops"
            raise SupersededError(late) from error
        if not leads:
            raise SupersededError("another engine leads now; this one stops")
        if hindrance:
            raise SupersededError(f"this engine must not lead: {hindrance}; it stops")
        return self._length.total_seconds() / ASKS

    def give_up(self) -> None:
        """Let another one lead at once."""
        self._leadership.release(self._holder)

    def _ask(self) -> bool:
        asked_at = self._clock.elapsed()
        term = self._leadership.acquire(self._holder, host=self._host, length=self._length)
        if term is None:
            return False
        self.term = term
        self._until = asked_at + self._length.total_seconds() - SPARE_SECONDS
        return True
