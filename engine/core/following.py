"""Decides whether the end of a run starts the jobs that follow its job, or why it does not.

An upstream run is one whose job another job follows. What follows from it depends on how its whole occurrence
ended: of a matrix, on all of its runs.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from engine.core.lifecycle import Run, RunState
from engine.core.occurrences import deciding, is_over, newest_of_each
from engine.core.reasons import Reason
from jobfile.model.jobs import AfterTrigger, AfterWhen
from jobfile.model.namedtuple import NamedTuple

FAILURES: Final = (RunState.FAILED, RunState.TIMED_OUT, RunState.LOST)
EXECUTED: Final = (RunState.SUCCEEDED, *FAILURES, RunState.CANCELLED)


class RunEnd(NamedTuple):
    """The end of a run of a followed job, by its place among those to act on, and the generation then in
    force.
    """

    seq: int
    run_id: str
    generation: int


class Upstream(NamedTuple):
    """An occurrence of a followed job: the run that decides its verdict, and whether it is over."""

    run: Run
    is_over: bool

    @property
    def id(self) -> str:
        """What its events are known by: the id of its occurrence, or of its only run."""
        return self.run.occurrence or self.run.id


class Follow(NamedTuple):
    """What follows from an end: a run of the follower, or a record that it does not run."""

    identity: str
    by: tuple[Run, ...]
    """The upstream runs; the first is the cause."""
    is_start: bool


def upstream_of(runs: Sequence[Run]) -> Upstream:
    """The occurrence of these runs, with their manual retries if it has a matrix."""
    return Upstream(deciding(newest_of_each(runs)), is_over(runs))


def upstreams(runs: Iterable[Run]) -> tuple[Upstream, ...]:
    """Runs as occurrences, in the order in which they were first recorded."""
    found: dict[str, list[Run]] = {}
    for run in runs:
        found.setdefault(run.occurrence or run.id, []).append(run)
    return tuple(map(upstream_of, found.values()))


def fits(when: AfterWhen, run: Run) -> bool:
    """Whether an upstream run that is over starts its followers.

    `always` means each that was executed or cancelled: not one that was skipped or missed.
    """
    is_in_vain = when is AfterWhen.ALWAYS and run.reason == Reason.NOTHING_TO_DO
    return is_in_vain or fits_state(when, run.verdict)


def fits_state(when: AfterWhen, state: RunState) -> bool:
    """Whether an upstream run with this verdict starts its followers."""
    match when:
        case AfterWhen.SUCCEEDED:
            return state is RunState.SUCCEEDED
        case AfterWhen.FAILED:
            return state in FAILURES
        case AfterWhen.ALWAYS:
            return state in EXECUTED


def follow(
    trigger: AfterTrigger, ended: Upstream, of_time: Mapping[str, Sequence[Upstream]]
) -> Follow | None:
    """What follows from the end of an occurrence; None if nothing does, or not yet.

    `of_time` has the occurrences of each job of the trigger with the same nominal time. It is needed only
    for a trigger with several jobs.
    """
    if trigger.job is not None:
        if fits(trigger.when, ended.run):
            return Follow(started_by(trigger.when, ended.id), (ended.run,), is_start=True)
        return _absence(trigger, skipped_by(ended.id), ended.run)
    return _of_several(
        trigger, ended, [_counting(trigger.when, of_time.get(job, ())) for job in trigger.jobs]
    )


def _of_several(trigger: AfterTrigger, ended: Upstream, counted: Sequence[Upstream | None]) -> Follow | None:
    """What follows when the jobs of a trigger have these occurrences of one nominal time, or none yet."""
    cause = f"{'all' if trigger.all else 'any'} {ended.run.scheduled_for.isoformat()}"
    known = [one for one in counted if one is not None]
    good = [one.run for one in known if one.is_over and fits(trigger.when, one.run)]
    if good and (trigger.any or len(good) == len(counted)):
        good.sort(key=lambda run: run.id != ended.run.id)  # the one that ended now is the cause
        return Follow(started_by(trigger.when, cause), tuple(good), is_start=True)
    if not all(one.is_over for one in known) or (trigger.all and len(known) < len(counted)):
        return None
    bad = sorted((one.run for one in known if one.run not in good), key=lambda run: run.id != ended.run.id)
    return _absence(trigger, skipped_by(cause), bad[0])


def after_words(trigger: AfterTrigger) -> str:
    """What a trigger waits for: `after load`, `after load or clean fails`, `after load and clean end`."""
    is_plural = len(trigger.all) > 1
    verbs = {AfterWhen.SUCCEEDED: "", AfterWhen.FAILED: " fail", AfterWhen.ALWAYS: " end"}
    ending = "" if is_plural or trigger.when is AfterWhen.SUCCEEDED else "s"
    return f"after {(' and ' if trigger.all else ' or ').join(trigger.jobs)}{verbs[trigger.when]}{ending}"


def started_by(when: AfterWhen, cause: str) -> str:
    """The identity of the event that a cause starts a job."""
    return f"{cause} {when.value}"


def skipped_by(cause: str) -> str:
    """The identity of the event that a job does not run because of a cause."""
    return f"{cause} not"


def _absence(trigger: AfterTrigger, identity: str, run: Run) -> Follow | None:
    """A job that runs after a success has a record of each time that it does not; no other is expected."""
    return Follow(identity, (run,), is_start=False) if trigger.when is AfterWhen.SUCCEEDED else None


def _counting(when: AfterWhen, occurrences: Sequence[Upstream]) -> Upstream | None:
    """The occurrence of a job that counts: the first that fits, else one that is open, else the last."""
    good = next((one for one in occurrences if one.is_over and fits(when, one.run)), None)
    opened = next((one for one in occurrences if not one.is_over), None)
    return good or opened or (occurrences[-1] if occurrences else None)
