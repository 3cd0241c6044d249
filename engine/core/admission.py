"""Whether a run may start now, must wait, or is not made: overlap, decided on durable state."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar, assert_never

from engine.core.lifecycle import RunState, TriggerKind
from engine.core.reasons import Reason
from jobfile.model.jobs import CatchupMode, ConcurrencySpec, JobSpec, OverlapPolicy


class Named(Protocol):
    """All that a decision needs to know of another run: its name."""

    @property
    def id(self) -> str:
        """The run's id."""


AnyRun = TypeVar("AnyRun", bound=Named)
AnyRun_co = TypeVar("AnyRun_co", bound=Named, covariant=True)


class Others(Protocol[AnyRun_co]):
    """The open runs with the same concurrency key. There may be many: each answer reads what it needs."""

    def count(self, *, at_most: int) -> tuple[int, int]:
        """How many are active and how many wait, each counted no further than asked for."""
        ...

    def rows(self, *, limit: int | None = None) -> tuple[Sequence[AnyRun_co], Sequence[AnyRun_co]]:
        """Those that are active and those that wait, each oldest first; with a limit the first of all."""
        ...


@dataclass(frozen=True, slots=True)
class Listed(Generic[AnyRun]):
    """Others that are at hand. The active run, are being cancelled or wait for a retry."""

    active: Sequence[AnyRun]
    waiting: Sequence[AnyRun]

    def count(self, *, at_most: int) -> tuple[int, int]:
        """How many are active and how many wait."""
        return min(len(self.active), at_most), min(len(self.waiting), at_most)

    def rows(self, *, limit: int | None = None) -> tuple[Sequence[AnyRun], Sequence[AnyRun]]:
        """Those that are active and those that wait."""
        if limit is None:
            return self.active, self.waiting
        return self.active[:limit], self.waiting[: max(0, limit - len(self.active))]


@dataclass(frozen=True, slots=True)
class Admit:
    """There is room."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Skip:
    """The run is not made; `detail` names the run that stood in the way."""

    state: RunState
    reason: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold(Generic[AnyRun]):
    """The run waits. What is in its way may be superseded or stopped first, as the policy says."""

    superseded: tuple[AnyRun, ...] = ()
    cancelled: tuple[AnyRun, ...] = ()
    killed: tuple[AnyRun, ...] = ()


Decision = Admit | Skip | Hold[AnyRun]
_ADMIT = Admit()


def policy_for(spec: JobSpec, trigger: TriggerKind) -> OverlapPolicy:
    """The policy for a run. A tick is redundant and an event is not: by default one skips, the other queues.

    `catchup: all` promises each of its runs, in order, so these queue instead of being skipped.
    """
    if trigger is TriggerKind.CATCHUP and spec.catchup.mode is CatchupMode.ALL:
        return OverlapPolicy.QUEUE
    if spec.concurrency.on_overlap is not None:
        return spec.concurrency.on_overlap
    return OverlapPolicy.SKIP if trigger.is_scheduled else OverlapPolicy.QUEUE


def admit(*, concurrency: ConcurrencySpec, policy: OverlapPolicy, others: Others[AnyRun]) -> Decision[AnyRun]:
    """Decide about one more run with the same concurrency key as `others`.

    Active runs count, those started by hand included, and queued ones: they start first. Nothing is asked of
    the others where there is no limit; they are counted where there is one, and read where they are replaced.
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
    """The id of the run that has been in the way for longest; '' when its row cannot be read."""
    active, waiting = others.rows(limit=1)
    return next((run.id for run in (*active, *waiting)), "")
