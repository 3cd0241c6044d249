"""What executes attempts for an engine's loops, as a protocol: here.py does it on this host."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from engine.core.lifecycle import Attempt, AttemptKey, Ended, Run, StartError
from engine.core.records import LiveAttempt
from engine.ports import Evidence
from engine.transactions.steps import ToStart
from jobfile.model.namedtuple import NamedTuple


class Flight(NamedTuple):
    """An attempt whose intent is recorded and that is not settled."""

    attempt: AttemptKey
    boot_id: str
    """The boot of the host that recorded the intent."""
    run: Run | None = None
    """The run when this engine started the attempt."""


class Checked(NamedTuple):
    """What a check of all attempts without an end has found."""

    over: Sequence[str]
    """The ids of those that may have ended, or were never executed: `look` says which."""
    alive: Sequence[tuple[Attempt, datetime | None]]
    """Those that are being executed, with the time when their command started, if that is proven."""


class Executor(Protocol):
    """Executes attempts, each at most once; what it executes outlives the engine.

    Each attempt is prepared on the host that executes it: its secrets and working folder are only there.
    """

    def room(self, flying: int) -> int:
        """How many more attempts may start while `flying` ones are not settled."""
        ...

    def chosen(self, runs: Sequence[Run]) -> Sequence[Run]:
        """Those of the runs that can start now because a slot is free for them, in the same order."""
        ...

    def launch(self, starts: Sequence[ToStart]) -> Mapping[str, StartError]:
        """Start attempts; returns, by id, the errors of those that are already known to be unable to start.

        An attempt of which `look` knows nothing afterwards can be launched again.
        """
        ...

    def look(self, flights: Sequence[Flight]) -> Mapping[str, Evidence]:
        """By id, what is known of attempts. An outcome is final: no process of the attempt is left."""
        ...

    def check(self, live: Sequence[LiveAttempt]) -> Checked:
        """Check all attempts without an end, and pass on requests to stop: one may get lost, and a repeated
        one changes nothing.
        """
        ...

    def late_ends(self, lost: Sequence[Attempt]) -> Sequence[tuple[Attempt, Ended]]:
        """The ends of lost attempts that were found after all."""
        ...
