"""Whether a run may start now, must wait, or is not made: overlap, decided on durable state."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar, assert_never

from engine.lifecycle import RunState, TriggerKind
from jobfile.model import CatchupMode, ConcurrencySpec, JobSpec, OverlapPolicy


class Named(Protocol):
    """All that a decision needs to know of another run: its name."""

    @property
    def id(self) -> str:
        """The run's id."""


AnyRun = TypeVar("AnyRun", bound=Named)


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


def admit(
    *,
    concurrency: ConcurrencySpec,
    policy: OverlapPolicy,
    active: Sequence[AnyRun],
    waiting: Sequence[AnyRun],
) -> Decision[AnyRun]:
    """Decide about one more run with the same concurrency key.

    `active` are the runs that are running, being cancelled or waiting for a retry, those started by
    hand included; `waiting` the queued ones. A queued run counts as one in the way: it will start first.
    """
    if concurrency.limit is None or len(active) + len(waiting) < concurrency.limit:
        return _ADMIT
    match policy:
        case OverlapPolicy.SKIP:
            return Skip(state=RunState.SKIPPED, reason="overlap", detail=(*active, *waiting)[0].id)
        case OverlapPolicy.QUEUE:
            if len(waiting) >= concurrency.max_waiting:
                return Skip(state=RunState.MISSED, reason="buffer_full", detail=waiting[-1].id)
            return Hold()
        case OverlapPolicy.LATEST:
            return Hold(superseded=tuple(waiting))
        case OverlapPolicy.CANCEL_RUNNING:
            return Hold(superseded=tuple(waiting), cancelled=tuple(active))
        case OverlapPolicy.KILL_RUNNING:
            return Hold(superseded=tuple(waiting), killed=tuple(active))
        case _:
            assert_never(policy)
