"""The protocol of carriers: queues of other projects that bring offers from the leader to hosts.

The ledger decides who executes an attempt. So a carrier may lose offers, or bring them twice or in any order;
the leader repeats an offer that no host has taken.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

from engine.core.hosts import Offer
from engine.core.lifecycle import AttemptKey


class Sender(Protocol):
    """The leader's end of a carrier."""

    def offer(self, offers: Sequence[Offer]) -> None:
        """Send offers on their way. Raises JobfileError when that fails."""
        ...

    def close(self) -> None:
        """Close connections."""
        ...


class Bringer(Protocol):
    """A host's end of a carrier."""

    def serve(
        self,
        queues: Sequence[str],
        *,
        slots: int,
        execute: Callable[[AttemptKey], None],
        is_over: Callable[[], bool],
    ) -> None:
        """Call `execute` for each offer that comes, in at most `slots` threads at once, until `is_over`.

        `execute` returns when the attempt is over, or is not given to this host; its exceptions are ignored.
        Raises JobfileError within seconds when the carrier fails; the leader repeats lost offers. The threads
        outlive a call: it neither waits for the attempts that they execute, nor ends them.
        """
        ...

    def close(self) -> None:
        """Close connections."""
        ...


class Carrier(Sender, Bringer, Protocol):
    """Brings each offer to one of the hosts that serve its queue."""


class Cluster(Sender, Protocol):
    """Starts a host for each offer. `offer` only notes the offer, and never waits."""

    name: str
    """The name of the cluster in lists of hosts."""
    slots: int
    """Maximum number of attempts that are offered or held at once."""
    trouble: str
    """Why the cluster starts no host; '' if it does."""
    on_offer: Callable[[], None]
    """Called when `tend` has something to do."""

    def withdraw(self, attempt: AttemptKey) -> None:
        """Note that an attempt no longer needs a host."""
        ...

    def tend(self) -> float:
        """Start and remove hosts; the seconds until the next time.

        Raises JobfileError when the cluster refuses, or does not answer: then call it again.
        """
        ...
