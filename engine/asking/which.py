"""Finds the run that a question is about: that of an id; of a job, the newest one, or that of a time."""

from collections.abc import Mapping

from engine.answers.combinations import has_values
from engine.answers.newest import item_at, item_with
from engine.answers.retried import after_retries
from engine.asking.axes import refuse_unknown_axes, split_axes
from engine.asking.naming import Subject
from engine.asking.place import Place
from engine.asking.times import parse_instant
from engine.core.errors import NothingRecordedError, WrongUsageError
from engine.core.lifecycle import Run
from engine.core.occurrences import deciding
from engine.core.vocabulary import combination_text, instant_text
from engine.ledger.ports import View
from jobfile.model.namedtuple import NamedTuple

MAX_COMBINATIONS = 8
"""Maximum number of combinations that a message lists."""


MAX_LOOKED = 1_000
"""Maximum number of runs among which the newest of a combination is looked for."""


class Which(NamedTuple):
    """Which run of a job is meant, as given: that of a time, and of combinations with these values."""

    time: str | None = None
    axes: tuple[str, ...] = ()


NEWEST = Which()


def run_of(place: Place, named: Subject, which: Which = NEWEST) -> Run:
    """The run that is meant: of several combinations, the one that decides."""
    return deciding(runs_of(place, named, which))


def runs_of(place: Place, named: Subject, which: Which) -> tuple[Run, ...]:
    """The runs that are meant; of a time, those that were expected then, or their newest retries."""
    matrix = matrix_of(named, which)
    if named.run is not None:
        return (named.run,)
    view, job, now = named.view, named.job, place.now()
    if which.time is None:
        newest = view.newest_run(job, until=now)
        item, nothing = item_with(view, _newest_with(view, newest, matrix)), f"job {job} has no run yet"
    else:
        at = parse_instant(which.time, named.zone, now=now)
        item, when = item_at(view, job, at, now=now), instant_text(at, named.zone)
        item = None if item is None else after_retries(view, item, job)
        nothing = f"job {job} has no run at {when}; see  jobfile why {job} {when}"
    if item is None or not item.runs:
        raise NothingRecordedError(nothing)
    runs = tuple(run for run in item.runs if has_values(run.matrix, matrix))
    if not runs:
        raise NothingRecordedError(
            f"no run of {job} has these values; there are {combinations_of(item.runs)}"
        )
    return runs


def _newest_with(view: View, newest: Run | None, matrix: Mapping[str, str]) -> Run | None:
    """The newest run with these values of its axes; the newest one if none of the last ones has them."""
    if newest is None or not matrix:
        return newest
    found = view.recent_runs(job=newest.job, state=None, limit=MAX_LOOKED)
    return next((run for run in found if has_values(run.matrix, matrix)), newest)


def matrix_of(named: Subject, which: Which) -> Mapping[str, str]:
    """The values of axes that are meant."""
    if named.run is not None and which != NEWEST:
        raise WrongUsageError("--at and --matrix choose a run of a JOB; remove them, or name the JOB")
    matrix = split_axes(which.axes)
    refuse_unknown_axes(named.view, named.job, matrix)
    return matrix


def combinations_of(runs: tuple[Run, ...]) -> str:
    """The combinations of runs, for a message."""
    shown = ", ".join(combination_text(run.matrix) for run in runs[:MAX_COMBINATIONS])
    return f"{shown} and {len(runs) - MAX_COMBINATIONS} more" if len(runs) > MAX_COMBINATIONS else shown
