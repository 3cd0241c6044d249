"""Runs of a matrix in a simulation: one for each combination, and what blocks them."""

from collections.abc import Sequence

from engine.core.admission import Listed
from engine.simulation.subject import Lane, SimOccurrence, SimRun, slots_of
from engine.transactions.templates import names_an_axis
from jobfile.model.jobs import JobSpec, OverlapPolicy


class Besides:
    """The runs with a concurrency key, without those of one occurrence: `Others` for a run of a matrix."""

    def __init__(self, lane: Lane, run: SimRun, policy: OverlapPolicy) -> None:
        """Look for what blocks a run."""
        self._active = [one for one in lane.active if one.occurrence is not run.occurrence]
        self._waiting = [one for one in lane.waiting if one.occurrence is not run.occurrence]
        begun = {id(one.slot) for one in self._active if one.slot is not None}
        self._not_begun = [one for one in self._waiting if id(one.slot) not in begun]
        if policy is OverlapPolicy.LATEST:  # an occurrence that has begun does not wait any more
            self._waiting = self._not_begun

    def count(self, *, at_most: int) -> tuple[int, int]:
        """The numbers of active and waiting runs; those with one slot count once."""
        return min(slots_of(self._active), at_most), min(slots_of(self._not_begun), at_most)

    def rows(self, *, limit: int | None = None) -> tuple[Sequence[SimRun], Sequence[SimRun]]:
        """The active and the waiting runs."""
        return Listed(self._active, self._waiting).rows(limit=limit)


def blocking(run: SimRun, policy: OverlapPolicy) -> Listed[SimRun] | Besides:
    """The open runs with the concurrency key of a run."""
    lane = run.lane
    return Listed(lane.active, lane.waiting) if run.occurrence is None else Besides(lane, run, policy)


def with_combinations(spec: JobSpec, run: SimRun) -> list[SimRun]:
    """The runs of an occurrence, of which one is made already: one for each combination of the matrix."""
    if not spec.matrix:
        return [run]
    others = [SimRun(run.subject, run.scheduled_for, run.trigger, run.not_before) for _ in spec.matrix[1:]]
    occurrence = SimOccurrence((run, *others))
    for one, matrix in zip((run, *others), spec.matrix, strict=True):
        one.params, one.values, one.matrix, one.occurrence = run.params, run.values, matrix, occurrence
        one.slot = None if names_an_axis(spec) else occurrence
    return [run, *others]
