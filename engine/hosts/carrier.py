"""What brings news of attempts from the leader to hosts: a queue of another project, as a protocol.

The ledger decides who executes an attempt. So a carrier may lose news, bring it twice or in any order; the
leader repeats what nobody has taken.
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

        `execute` returns when the attempt is over, or not for this host; what it raises is dropped. Raises
        JobfileError within seconds when the carrier fails; what it had not brought is repeated. The threads
        outlive a call: it neither waits for what is being executed, nor ends it.
        """
        ...

    def close(self) -> None:
        """Close connections."""
        ...


class Carrier(Sender, Bringer, Protocol):
    """Brings each offer to one of the hosts that serve its queue."""


class Cluster(Sender, Protocol):
    """Has a host started for each offer. `offer` only notes it, and never waits."""

    name: str
    """What the cluster is called among the hosts."""
    slots: int
    """The most attempts that are offered or held at once."""
    trouble: str
    """Why the cluster starts nothing; '' when it does."""
    on_offer: Callable[[], None]
    """Called when there is something to tend."""

    def withdraw(self, attempt: AttemptKey) -> None:
        """Note that no host is needed for an attempt any more."""
        ...

    def tend(self) -> float:
        """Have hosts started and removed; the seconds until the next time.

        Raises JobfileError when the cluster refuses, or does not answer: then call it again.
        """
        ...
