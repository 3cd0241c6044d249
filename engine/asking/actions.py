"""What users ask to be done: on the command line, on the page and over HTTP the same steps and audit."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from engine.answers.pauses import Paused, Resumed
from engine.asking.axes import chosen_combinations
from engine.asking.naming import job_named, unknown_job
from engine.asking.place import Place
from engine.asking.requests import hand_over, is_duplicate, new_retry, new_runs
from engine.asking.times import parse_coming, parse_instant
from engine.core.errors import JobfileError, UnreadableDefinitionError, WrongUsageError
from engine.core.lifecycle import Run, RunState
from engine.core.records import Pause
from engine.host.wake import poke
from engine.ledger.opening import open_ledger
from engine.ledger.ports import View
from engine.service.presence import presence_at
from engine.transactions.account import bound_params
from engine.transactions.keys import key_trouble
from engine.transactions.pause import BY_HAND, pause_by_hand, resume_by_hand
from jobfile.expressions.params import ParamProblem, bind_params
from jobfile.model.canonical import spec_from_json
from jobfile.model.catalog import CompiledJob
from jobfile.model.jobs import JobSpec, Origin
from jobfile.model.values import Value
from jobfile.schedule.occurrences import load_zone


class WrongParamsError(WrongUsageError):
    """Params do not fit their job."""

    def __init__(self, job: str, problems: Sequence[ParamProblem]) -> None:
        """The error for these problems."""
        lines = "\n".join(f"  {one.name}: {one.message}" for one in problems)
        super().__init__(f"params of {job}:\n{lines}")
        self.problems = tuple(problems)


class InForce(NamedTuple):
    """A job with its definition in force, and the number of the generation."""

    job: CompiledJob
    generation: int


class Requested(NamedTuple):
    """The runs of a request as they were recorded; or those of an earlier request with the same key."""

    runs: tuple[Run, ...]
    is_duplicate: bool


class RunAsked(NamedTuple):
    """What a run is asked for with. `from_text`: the values of params are texts, as on the command line."""

    params: Mapping[str, Value] = {}
    at: str = ""
    matrix: Mapping[str, str] = {}
    key: str | None = None
    why: str = ""
    from_text: bool = True


def job_in_force(view: View, name: str) -> InForce:
    """The job with its definition in force in the engine, not that of the file."""
    version = view.job_in_force(name)
    generation = view.current_generation()
    if version is None or generation is None:
        where = f"in generation {generation.number}" if generation else "in the running engine"
        raise unknown_job(name, where, known=[one.job for one in view.jobs_in_force()])
    text = view.definition_text(version.digest)
    if text is None:
        raise UnreadableDefinitionError(name)
    compiled = CompiledJob(spec_from_json(text), Origin(file=version.file, line=version.line))
    return InForce(compiled, generation.number)


def bound(spec: JobSpec, given: Mapping[str, Value], *, from_text: bool = True) -> dict[str, Value]:
    """The params of a run, with their defaults. Raises WrongParamsError."""
    found, problems = bind_params(spec.params, given, from_text=from_text)
    if problems:
        raise WrongParamsError(spec.name, problems)
    return bound_params(spec, found)


def request_run(place: Place, name: str, wanted: RunAsked, *, by: str) -> Requested:
    """Record a run of a job in force, for the engine to start."""
    if wanted.key is not None and (trouble := key_trouble(wanted.key)):
        raise WrongUsageError(f"--key: {trouble}")
    with closing(place.view()) as view:
        found = job_in_force(view, name)
    spec, now = found.job.spec, place.now()
    runs = new_runs(
        spec,
        digest=found.job.digest,
        generation=found.generation,
        params=bound(spec, wanted.params, from_text=wanted.from_text),
        at=parse_instant(wanted.at, zone_of_spec(spec), now=now) if wanted.at else now,
        now=now,
        chosen=chosen_combinations(spec, wanted.matrix),
        key=wanted.key or "",
        by=by,
    )
    recorded = hand_over(place, runs, found.job, why=wanted.why, now=now)
    return Requested(recorded, is_duplicate(recorded, runs))


def request_retry(
    place: Place, old: Run, *, force: bool, all_steps: bool, is_current: bool, why: str, by: str
) -> Run:
    """Record a new run of the same job for the same time with the same params."""
    refuse_no_retry(old, force=force)
    now = place.now()
    with closing(place.view()) as view:
        job = job_to_retry(view, old, is_current=is_current)
        generation = view.current_generation()
    number = generation.number if generation else None
    new = new_retry(job.spec, old, digest=job.digest, generation=number, now=now, by=by)
    (recorded,) = hand_over(place, [new], job, why=why, now=now, all_steps=all_steps or force)
    return recorded


def refuse_no_retry(old: Run, *, force: bool) -> None:
    """Refuse to retry a run that is not over, or that succeeded."""
    if not old.state.is_final:
        raise JobfileError(f"run {old.id[:8]} is not over: {old.state.value}")
    if old.state is RunState.SUCCEEDED and not force:
        raise JobfileError(f"run {old.id[:8]} succeeded; to retry it anyway: --force")


def job_to_retry(view: View, old: Run, *, is_current: bool) -> CompiledJob:
    """The definition for the retry of a run: that in force, or that of the run."""
    version = view.job_in_force(old.job)
    origin = Origin(file=version.file, line=version.line) if version else Origin(file="", line=0)
    found = _definition(view, old, version.digest if version and is_current else old.digest)
    if old.matrix not in (found.matrix or ({},)):  # its combination is gone: only the old one knows it
        found = _definition(view, old, old.digest)
    return CompiledJob(found, origin)


def _definition(view: View, old: Run, digest: str) -> JobSpec:
    text = view.definition_text(digest)
    if text is None:
        raise UnreadableDefinitionError(old.job)
    return spec_from_json(text)


def pause_job(place: Place, job: str, *, until: str | None, why: str, by: str) -> Paused:
    """Stop a job from running on its schedule, until it is resumed or until a time."""
    named, now = job_named(place, job), place.now()
    with closing(named.view) as view:
        pause = new_pause(job, by=by, why=why, end=end_of_pause(until, named.zone, now=now), now=now)
        with closing(open_ledger(place.config.ledger_url)) as store, store.transaction():
            in_force = pause_by_hand(store, pause)
        poke(place.state_dir)
        return Paused(
            pause=in_force,
            was_paused=in_force is not pause,
            zone=named.zone,
            still_open=tuple(run for run in view.open_runs() if run.job == job),
            presence=presence_at(place.config, view, now=now),
        )


def resume_job(place: Place, job: str, *, why: str, by: str) -> Resumed:
    """Let a job run on its schedule again."""
    job_named(place, job).view.close()
    with closing(open_ledger(place.config.ledger_url)) as store, store.transaction():
        was_paused = resume_by_hand(store, job, by=by, why=why, now=place.now())
    poke(place.state_dir)
    return Resumed(job=job, was_paused=was_paused)


def new_pause(job: str, *, by: str, why: str, end: datetime | None, now: datetime) -> Pause:
    """A pause that a user asks for, not recorded yet."""
    return Pause(
        job=job, source=BY_HAND, actor=by, reason=why, paused_at=now, until=end, ended_at=None, ended_by=""
    )


def end_of_pause(until: str | None, zone: ZoneInfo, *, now: datetime) -> datetime | None:
    """When a pause ends by itself; None if it does not."""
    if until is None:
        return None
    end = parse_coming(until, zone, now=now)
    if end <= now:
        raise WrongUsageError(f"--until {until} is not in the future")
    return end


def zone_of_spec(spec: JobSpec) -> ZoneInfo:
    """The zone of a job."""
    zone = load_zone(spec.timezone)
    assert zone is not None
    return zone
