"""The interface between the engine and a kind of trigger."""

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol
from zoneinfo import ZoneInfo

from engine.core.due import NotRun
from engine.core.lifecycle import Occurrence, Run, TriggerKind
from engine.core.records import ENGINE_DOWN, Schedule
from engine.ledger.store_ports import Accounting
from jobfile.model.jobs import JobSpec, ScheduleEntry
from jobfile.model.namedtuple import NamedTuple


class NotMade(NamedTuple):
    """Consecutive occurrences that get no run. `listed` is empty when one gap record holds them."""

    about: NotRun
    listed: tuple[Occurrence, ...] = ()


class Found(NamedTuple):
    """Every occurrence that is due since a coverage, each in exactly one of the two lists, oldest first.

    `unseen` is the number that no engine saw in time; `covered_until` is None when nothing is due.
    """

    to_run: tuple[Occurrence, ...] = ()
    not_run: tuple[NotMade, ...] = ()
    unseen: int = 0
    covered_until: datetime | None = None


class Trigger(Protocol):
    """A kind of trigger. The scheduler asks only a `Watched` one; commands record their own requests."""

    kinds: tuple[TriggerKind, ...]
    """The values of `trigger` in its runs."""

    def environment(self, run: Run, spec: JobSpec, zone: ZoneInfo) -> Mapping[str, str]:
        """The environment variables that only its runs have; instants are in `zone`, the job's."""
        ...


class Watched(Trigger, Protocol):
    """A trigger that the scheduler asks for due occurrences. The ledger has its coverage for each job."""

    key: str
    """The schedule key of its rows."""

    def rule(self, spec: JobSpec) -> tuple[ScheduleEntry, ...]:
        """The part of a definition that it follows; the coverage continues while that stays the same."""
        ...

    def next_at(self, schedule: Schedule) -> datetime | None:
        """When the first occurrence after the coverage is due. Raises an exception if the rule is faulty."""
        ...

    def due(
        self,
        store: Accounting,
        schedule: Schedule,
        spec: JobSpec,
        *,
        now: datetime,
        absence: str = ENGINE_DOWN,
    ) -> Found:
        """The occurrences after the coverage up to and including `now`; reads only.

        `absence` is the reason of those that no engine saw in time.
        """
        ...
