"""Runs as occurrences: which runs belong together, and which one of them decides the verdict of all."""

from collections.abc import Iterable, Sequence
from typing import Final

from engine.core.lifecycle import Run, RunState
from engine.core.reasons import Reason

_WORST_FIRST: Final = (
    # Open while one is open.
    RunState.RUNNING,
    RunState.CANCELLING,
    RunState.RETRY_WAIT,
    RunState.QUEUED,
    RunState.FAILED,
    RunState.TIMED_OUT,
    RunState.LOST,
    RunState.MISSED,
    RunState.CANCELLED,
    RunState.SKIPPED,
    RunState.SUCCEEDED,
)
_BY_ITS_IF: Final = len(_WORST_FIRST)
"""A run that its own `if` has skipped counts as a success beside others, as a step does."""
_RANKS: Final = {state: rank for rank, state in enumerate(_WORST_FIRST)}


def grouped(runs: Iterable[Run]) -> list[tuple[Run, ...]]:
    """Runs by occurrence, each in the given order. A manual retry is an occurrence of its own."""
    found: dict[str | int, list[Run]] = {}
    for number, run in enumerate(runs):
        occurrence = run.occurrence if run.retry_of is None else ""
        found.setdefault(occurrence or number, []).append(run)
    return [tuple(one) for one in found.values()]


def deciding(runs: Iterable[Run]) -> Run:
    """The run whose verdict is that of the whole occurrence; of several, the first that was executed.

    An occurrence is open while one of its runs is, and has succeeded when all of them have.
    """
    return min(runs, key=lambda run: (_rank(run), not run.was_executed))


def worst(states: Iterable[RunState]) -> RunState:
    """The verdict of an occurrence whose runs have these verdicts; none of them was skipped by its `if`."""
    return min(states, key=_RANKS.__getitem__)


def is_over(runs: Sequence[Run]) -> bool:
    """Whether all runs of an occurrence are recorded and over."""
    recorded = sum(run.retry_of is None for run in runs)
    return all(run.state.is_final for run in runs) and recorded >= max(run.combinations for run in runs)


def newest_of_each(runs: Iterable[Run]) -> tuple[Run, ...]:
    """The runs of an occurrence and their manual retries, in the order of their recording: of each
    combination, the newest.
    """
    return tuple({tuple(sorted(run.matrix.items())): run for run in runs}.values())


def _rank(run: Run) -> int:
    is_met = run.verdict is RunState.SKIPPED and run.reason == Reason.CONDITION
    return _BY_ITS_IF if is_met else _RANKS[run.verdict]
