"""Which run is retried, and its new run."""

from datetime import datetime

from engine.asking.naming import find_run, is_run_id, subject
from engine.asking.place import Place
from engine.asking.requests import new_retry
from engine.asking.which import NEWEST, Which, combinations_of, runs_of
from engine.core.errors import JobfileError, UnreadableDefinitionError, WrongUsageError
from engine.core.lifecycle import Run, RunState
from engine.ledger.ports import View
from jobfile.model.canonical import spec_from_json
from jobfile.model.catalog import CompiledJob
from jobfile.model.jobs import JobSpec, Origin
from jobfile.model.namedtuple import NamedTuple

_NOT_TRIED_AGAIN = (RunState.SUCCEEDED,)


class How(NamedTuple):
    """How a run is repeated."""

    all_steps: bool
    is_current: bool


def run_to_retry(place: Place, text: str, which: Which, *, is_forced: bool) -> tuple[View, Run]:
    """The run that was named, and the ledger that knows it. It is over; only if forced, it succeeded."""
    view, old = _named(place, text, which)
    if not old.state.is_final:
        raise JobfileError(f"run {old.id[:8]} is not over: {old.state.value}")
    if old.state in _NOT_TRIED_AGAIN and not is_forced:
        raise JobfileError(f"run {old.id[:8]} succeeded; to retry it anyway: --force")
    return view, old


def _named(place: Place, text: str, which: Which) -> tuple[View, Run]:
    """The run that was named, by its id, or by its job and time; and the ledger that knows it."""
    if which == NEWEST and is_run_id(text):
        view = place.view()
        return view, find_run(view, text)
    named = subject(place, text)
    job = named.job
    if named.run is None and which.time is None:
        raise WrongUsageError(f"which run of {job}? Add --at TIME, or name a run:  jobfile runs {job}")
    runs = runs_of(place, named, which)
    if len(runs) > 1:
        known = combinations_of(runs)
        raise WrongUsageError(f"{job} had {len(runs)} runs then; add --matrix for one of {known}")
    return named.view, runs[0]


def job_again(view: View, old: Run, how: How) -> CompiledJob:
    """The job of the new run."""
    version = view.job_in_force(old.job)
    origin = Origin(file=version.file, line=version.line) if version else Origin(file="", line=0)
    found = _definition(view, old, version.digest if version and how.is_current else old.digest)
    if old.matrix not in (found.matrix or ({},)):  # its combination is gone: only the old one knows it
        found = _definition(view, old, old.digest)
    return CompiledJob(found, origin)


def _definition(view: View, old: Run, digest: str) -> JobSpec:
    text = view.definition_text(digest)
    if text is None:
        raise UnreadableDefinitionError(old.job)
    return spec_from_json(text)


def run_again(place: Place, view: View, old: Run, job: CompiledJob, *, now: datetime) -> Run:
    """The new run, not recorded yet."""
    generation = view.current_generation()
    number = generation.number if generation else None
    return new_retry(job.spec, old, digest=job.digest, generation=number, now=now, by=place.user)
