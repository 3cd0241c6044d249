"""What brings news of attempts from the leader to hosts: a queue of another project, as a protocol.

The ledger decides who executes an attempt. So a carrier may lose news, bring it twice or in any order; the
leader repeats what nobody has taken.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

from engine.core.hosts import Offer
from engine.core.lifecycle import AttemptKey


class Carrier(Protocol):
    """Brings each offer to one of the hosts that serve its queue."""

    def offer(self, offers: Sequence[Offer]) -> None:
        """Send offers on their way. Raises JobfileError when that fails."""
        ...

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
