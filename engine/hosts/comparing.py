"""Compares what a host has with what a server knows that has taken over the ledger."""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from engine.core.hosts import Delivery, DeliveryState, Host
from engine.ledger.host_ports import SharedLedger
from engine.ports import Clock

ENDED_SECONDS: Final = 600.0
MOST_ENDED: Final = 1_000
"""How long this host remembers the end of an attempt, and of how many: a server that takes over may not know
these ends.
"""


class Comparison:
    """What one host says to a new server."""

    def __init__(
        self,
        me: Host,
        shared: SharedLedger,
        clock: Clock,
        *,
        is_executed: Callable[[Delivery], bool],
        on_failover: Callable[[int, int], None],
    ) -> None:
        """Nothing is compared yet. `is_executed` says whether there is evidence of an attempt here.

        `on_failover` gets the number of attempts that the server did not know this host has, and the number
        of those whose runs it does not know.
        """
        self.own: Final = {"host": me.id, "process": me.process, "boot_id": me.boot_id}
        """Who this host is, to the ledger."""
        self._shared = shared
        self._clock = clock
        self._is_executed = is_executed
        self._on_failover = on_failover
        self._ended: deque[tuple[float, Delivery]] = deque(maxlen=MOST_ENDED)
        self.server = ""
        """The server with which this host has compared its attempts; empty if there is none yet."""

    def note_end(self, delivery: Delivery) -> None:
        """Remember what this host has reported."""
        self._ended.append((self._clock.elapsed(), delivery))

    def reclaimed(self, missing: Sequence[Delivery]) -> Mapping[str, Delivery]:
        """Take back the attempts that this host has, or has just executed, and that the server does not know.

        No host takes any attempt before that. Those of `missing` that are not returned have no run there.
        """
        now = self._clock.elapsed()
        ended = [one for at, one in self._ended if now - at < ENDED_SECONDS]
        offered = [one for one in self._shared.deliveries.open() if one.state is DeliveryState.OFFERED]
        found: dict[str, Delivery] = {}
        for one in (*missing, *ended, *filter(self._is_here, offered)):
            again = self._shared.holding.reclaim(one, **self.own)
            if again is not None:
                found[again.attempt.id] = again
        if self.server:  # not when its process has just begun
            unknown = {one.attempt.id for one in missing} - found.keys()
            self._on_failover(len(found), len(unknown))
        return found

    def _is_here(self, offered: Delivery) -> bool:
        return self._is_executed(offered._replace(boot_id=self.own["boot_id"]))
