"""Whether a run may start now, must wait, or is not made: overlap, decided on durable state."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import assert_never

from engine.lifecycle import Run, RunState
from jobfile.model import ConcurrencySpec, OverlapPolicy


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
class Hold:
    """The run waits. What is in its way may be superseded or stopped first, as the policy says."""

    superseded: tuple[Run, ...] = ()
    cancelled: tuple[Run, ...] = ()
    killed: tuple[Run, ...] = ()


Decision = Admit | Skip | Hold


def admit(
    *,
    concurrency: ConcurrencySpec,
    policy: OverlapPolicy,
    active: Sequence[Run],
    waiting: Sequence[Run],
) -> Decision:
    """Decide about one more run with the same concurrency key.

    `active` are the runs that are running, being cancelled or waiting for a retry, those started by
    hand included; `waiting` the queued ones. A queued run counts as one in the way: it will start first.
    """
    if concurrency.limit is None or len(active) + len(waiting) < concurrency.limit:
        return Admit()
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
