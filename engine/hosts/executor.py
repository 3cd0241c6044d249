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
    """Those that are executed, with the start of their command, if it is proven."""


class Executor(Protocol):
    """Executes attempts, each at most once, and outlives the engine.

    It prepares each where it is executed: only there are its secrets and its working folder.
    """

    def room(self, flying: int) -> int:
        """How many more attempts may start while `flying` ones are not settled."""
        ...

    def chosen(self, runs: Sequence[Run]) -> Sequence[Run]:
        """Of runs that may start, in their order, those for which there is a place now."""
        ...

    def launch(self, starts: Sequence[ToStart]) -> Mapping[str, StartError]:
        """Start attempts; by id, those of which it is already known that they cannot start.

        An attempt of which nothing is known afterwards can be launched again.
        """
        ...

    def look(self, flights: Sequence[Flight]) -> Mapping[str, Evidence]:
        """By id, what is known of attempts. An outcome is final, and nothing of the attempt runs any more."""
        ...

    def check(self, live: Sequence[LiveAttempt]) -> Checked:
        """Check all attempts without an end, and pass on requests to stop: one may get lost, and a repeated
        one changes nothing.
        """
        ...

    def late_ends(self, lost: Sequence[Attempt]) -> Sequence[tuple[Attempt, Ended]]:
        """The ends of lost attempts that were found after all."""
        ...
