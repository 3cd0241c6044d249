"""The port of a ledger for runs counted by slots of time: what a picture shows of too many runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from jobfile.model.namedtuple import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime, timedelta

    from engine.core.lifecycle import RunState


class SlotCount(NamedTuple):
    """How many runs for the times of a slot have a verdict; slots are numbered from 0."""

    job: str
    """Empty where jobs are not told apart."""
    slot: int
    state: RunState
    number: int


class Slots(Protocol):
    """Runs for times in [since, until), counted by slots of one length; the first begins at `since`."""

    def of_all(
        self, jobs: Collection[str] | None, *, since: datetime, until: datetime, length: timedelta
    ) -> tuple[SlotCount, ...]:
        """The runs of these jobs together, or of all, in no particular order.

        Manual retries are left out, and runs of a matrix, which count by occurrence.
        """
        ...

    def of_each(
        self, jobs: Collection[str], *, since: datetime, until: datetime, length: timedelta
    ) -> tuple[SlotCount, ...]:
        """All runs of each of these jobs, by job, then slot."""
        ...

    def active(
        self, jobs: Collection[str], *, since: datetime, until: datetime, reach: datetime
    ) -> tuple[str, ...]:
        """Those of these jobs that have a run for a time in [since, until), or for one in [reach, since) that
        did not end before `since`; by name.
        """
        ...
