"""Decides whether a run may start now, waits, or is skipped: the overlap policy."""

from collections.abc import Sequence
from typing import Generic, Protocol, TypeVar, assert_never

from engine.core.lifecycle import RunState, TriggerKind
from engine.core.reasons import Reason
from jobfile.model.dataclass import dataclass
from jobfile.model.jobs import CatchupMode, ConcurrencySpec, JobSpec, OverlapPolicy


class Named(Protocol):
    """The part of a run that a decision needs."""

    @property
    def id(self) -> str:
        """The run's id."""


AnyRun = TypeVar("AnyRun", bound=Named)
AnyRun_co = TypeVar("AnyRun_co", bound=Named, covariant=True)


class Others(Protocol[AnyRun_co]):
    """The open runs with the same concurrency key. There may be many: each answer reads what it needs."""

    def count(self, *, at_most: int) -> tuple[int, int]:
        """The numbers of active and waiting runs, each counted up to a given maximum."""
        ...

    def rows(self, *, limit: int | None = None) -> tuple[Sequence[AnyRun_co], Sequence[AnyRun_co]]:
        """The active and the waiting runs, each oldest first; with a limit, only the first of them."""
        ...


@dataclass(frozen=True, slots=True)
class Listed(Generic[AnyRun]):
    """Open runs in memory, as `Others`. Active ones run, are being cancelled or wait for a retry."""

    active: Sequence[AnyRun]
    waiting: Sequence[AnyRun]

    def count(self, *, at_most: int) -> tuple[int, int]:
        """The numbers of active and waiting runs."""
        return min(len(self.active), at_most), min(len(self.waiting), at_most)

    def rows(self, *, limit: int | None = None) -> tuple[Sequence[AnyRun], Sequence[AnyRun]]:
        """The active and the waiting runs."""
        if limit is None:
            return self.active, self.waiting
        return self.active[:limit], self.waiting[: max(0, limit - len(self.active))]


@dataclass(frozen=True, slots=True)
class Admit:
    """The run may start."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Skip:
    """The run does not run; `detail` is the id of the run that blocked it."""

    state: RunState
    reason: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold(Generic[AnyRun]):
    """The run waits. The listed runs are superseded, cancelled or killed for it."""

    superseded: tuple[AnyRun, ...] = ()
    cancelled: tuple[AnyRun, ...] = ()
    killed: tuple[AnyRun, ...] = ()


Decision = Admit | Skip | Hold[AnyRun]
_ADMIT = Admit()


def policy_for(spec: JobSpec, trigger: TriggerKind) -> OverlapPolicy:
    """The overlap policy for a run of this kind.

    Without one in the job: a scheduled run is skipped, because another follows; a requested run queues,
    because the user expects it. `catchup: all` promises each of its runs, in order, so these always queue.
    """
    if trigger is TriggerKind.CATCHUP and spec.catchup.mode is CatchupMode.ALL:
        return OverlapPolicy.QUEUE
    if spec.concurrency.on_overlap is not None:
        return spec.concurrency.on_overlap
    return OverlapPolicy.SKIP if trigger.is_scheduled else OverlapPolicy.QUEUE


def admit(*, concurrency: ConcurrencySpec, policy: OverlapPolicy, others: Others[AnyRun]) -> Decision[AnyRun]:
    """Decide about one more run with the same concurrency key as `others`.

    Active runs count, including manual ones, and so do queued ones, which start first. To stay fast with a
    long queue, the others are only counted, up to the limit; they are read only to be replaced or named.
    """
    if concurrency.limit is None or sum(others.count(at_most=concurrency.limit)) < concurrency.limit:
        return _ADMIT
    match policy:
        case OverlapPolicy.SKIP:
            return Skip(state=RunState.SKIPPED, reason=Reason.OVERLAP, detail=_first(others))
        case OverlapPolicy.QUEUE:
            _, waiting = others.count(at_most=concurrency.max_waiting)
            if waiting >= concurrency.max_waiting:
                return Skip(state=RunState.MISSED, reason=Reason.BUFFER_FULL, detail=_first(others))
            return Hold()
        case OverlapPolicy.LATEST:
            return Hold(superseded=tuple(others.rows()[1]))
        case OverlapPolicy.CANCEL_RUNNING:
            active, queued = others.rows()
            return Hold(superseded=tuple(queued), cancelled=tuple(active))
        case OverlapPolicy.KILL_RUNNING:
            active, queued = others.rows()
            return Hold(superseded=tuple(queued), killed=tuple(active))
        case _:
            assert_never(policy)


def _first(others: Others[AnyRun]) -> str:
    """The id of the oldest blocking run, active ones first; '' when its row is unreadable."""
    active, waiting = others.rows(limit=1)
    return next((run.id for run in (*active, *waiting)), "")
