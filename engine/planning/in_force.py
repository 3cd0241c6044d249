"""What a plan asks an engine's record: the jobs in force, facts about them, and the state of the engine.

Plans know only the port, so the same plan is made beside the ledger and from what a server answers.
"""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Protocol

from jobfile.model.dataclass import dataclass
from jobfile.model.namedtuple import NamedTuple
from jobfile.model.values import Value
from jobfile.plan import JobFacts, Side


class Paused(NamedTuple):
    """A job that is paused, and by whom, since when, until when and why."""

    job: str
    words: str


class ByHand(NamedTuple):
    """An open run that a user has started, with its params."""

    run: str
    job: str
    params: Mapping[str, Value]


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """The state of an engine beside its jobs."""

    paused: tuple[Paused, ...] = ()
    by_hand: tuple[ByHand, ...] = ()
    version: str = ""
    """The version of the engine that runs; empty if none runs."""


class JobsInForce(Protocol):
    """What an engine has in force, here or at a server."""

    def now(self) -> datetime:
        """The time there."""
        ...

    def side(self, number: int | None = None) -> Side:
        """The jobs of a generation; by default of the one in force, which has none before the first."""
        ...

    def facts(self, jobs: Collection[str]) -> Mapping[str, JobFacts]:
        """What is known of each of these jobs."""
        ...

    def standing(self) -> Standing:
        """The state of the engine."""
        ...
