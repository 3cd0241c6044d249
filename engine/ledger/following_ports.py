"""The port of a ledger for jobs that start after other jobs. A store has it as `following`.

Every method that writes must be called inside a transaction of the store.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import datetime

    from engine.core.following import RunEnd
    from engine.core.lifecycle import Run


class Followed(Protocol):
    """For answers: which jobs follow which, and the ends of runs that no engine has acted on yet."""

    def upstream(self, job: str) -> Mapping[str, int]:
        """The jobs that a job follows, by name, each with the generation since which it does."""
        ...

    def ends(self, *, limit: int) -> tuple[RunEnd, ...]:
        """The oldest ends that no engine has acted on."""
        ...

    def oldest_end(self) -> datetime | None:
        """When the oldest end was noted that no engine has acted on; None if there are none."""
        ...


class Following(Followed, Protocol):
    """For the engine: it records which jobs follow which, and acts on the ends of runs.

    The store itself notes the end of each run of a followed job, in the transaction of the end.
    """

    def put(self, follower: str, jobs: Collection[str], *, generation: int) -> None:
        """From this generation on a job follows these jobs; those that it followed before stay as they
        were.
        """
        ...

    def followers(self, job: str, *, generation: int) -> tuple[str, ...]:
        """The jobs that follow a job and did so already in a generation, by name."""
        ...

    def done(self, end: RunEnd) -> None:
        """Forget an end: what follows from it is recorded."""
        ...

    def runs_at(self, job: str, at: datetime, *, limit: int) -> tuple[Run, ...]:
        """The newest runs of a job with a nominal time, in the order of their recording."""
        ...
