"""The job that a request for a run is about, its values, and what the run would be."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from engine.actions.beyond_host import beyond_host_of
from engine.actions.unsupported import beyond_engine_of
from engine.asking.axes import chosen_combinations
from engine.asking.findings import refuse_invalid
from engine.asking.naming import unknown_job
from engine.asking.place import Place, refuse_unsafe_files
from engine.asking.requests import new_runs
from engine.asking.times import parse_instant
from engine.core.errors import JobfileError, UnreadableDefinitionError, UnreadableFileError, WrongUsageError
from engine.core.lifecycle import Run
from engine.dryrun.before import DryRun, Preview, look_before
from engine.dryrun.describing import given_outputs
from engine.ledger.ports import View
from engine.transactions.account import bound_params
from jobfile.expressions.params import ParamProblem, bind_params
from jobfile.model.canonical import spec_from_json
from jobfile.model.catalog import CompiledJob
from jobfile.model.jobs import AfterTrigger, JobSpec, Origin
from jobfile.model.namedtuple import NamedTuple
from jobfile.model.values import Scalar, Value
from jobfile.pipeline import compile_files
from jobfile.schedule.occurrences import load_zone


class WrongParamsError(WrongUsageError):
    """Params that do not fit their job."""

    def __init__(self, job: str, problems: Sequence[ParamProblem]) -> None:
        """The error for these problems."""
        lines = "\n".join(f"  {one.name}: {one.message}" for one in problems)
        super().__init__(f"params of {job}:\n{lines}")
        self.problems = tuple(problems)


class Wanted(NamedTuple):
    """What a request says."""

    params: Mapping[str, Value]
    matrix: Mapping[str, str]
    at: str | None
    key: str
    from_text: bool = True
    """Whether the params are texts that are converted to their types."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The job to run, and its generation, if it has one."""

    job: CompiledJob
    generation: int | None
    jobs: tuple[JobSpec, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the options say about the run."""

    params: Mapping[str, Value]
    at: datetime
    now: datetime
    chosen: tuple[Mapping[str, Scalar], ...]
    key: str


def job_to_run(place: Place, name: str, *, is_running: bool, is_strict: bool) -> Found:
    """The job: as the running engine has it, or else as the files define it.

    Without an engine, files that other users could change are refused.
    """
    if is_running:
        return _from_engine(place, name)
    refuse_unsafe_files(place, is_strict=is_strict)
    return _from_file(place, name)


def bound_to(found: Found, wanted: Wanted, *, now: datetime) -> Asked:
    """The values of a request for this job."""
    spec = found.job.spec
    zone = load_zone(spec.timezone)
    assert zone is not None
    return Asked(
        params=_bound(found, wanted),
        at=parse_instant(wanted.at, zone, now=now) if wanted.at else now,
        now=now,
        chosen=chosen_combinations(spec, wanted.matrix),
        key=wanted.key,
    )


def runs_of_request(place: Place, found: Found, asked: Asked) -> tuple[Run, ...]:
    """The runs of a request, not recorded yet."""
    return new_runs(
        found.job.spec,
        digest=found.job.digest,
        generation=found.generation,
        params=asked.params,
        at=asked.at,
        now=asked.now,
        by=place.user,
        chosen=asked.chosen,
        key=asked.key,
    )


def ask_dry_run(place: Place, name: str, wanted: Wanted, outputs: Mapping[str, str]) -> DryRun:
    """What a run would be; `outputs` are those that its steps are supposed to have had."""
    return dry_run_of(place, _from_file(place, name, is_dry=True), wanted, outputs)


def dry_run_in_force(place: Place, found: Found, wanted: Wanted) -> DryRun:
    """What a run of this definition in force would be."""
    jobs = tuple(_beside(place.view(), found.job.spec))
    return dry_run_of(place, replace(found, jobs=jobs), wanted, {})


def dry_run_of(place: Place, found: Found, wanted: Wanted, outputs: Mapping[str, str]) -> DryRun:
    """What a run of a job would be, with the jobs that it knows."""
    asked, spec = bound_to(found, wanted, now=place.now()), found.job.spec
    preview = Preview(
        job=replace(found.job, spec=replace(spec, matrix=asked.chosen)),
        params=asked.params,
        given=frozenset(wanted.params),
        at=asked.at,
        jobs=found.jobs,
        outputs=_outputs(spec, outputs),
        now=asked.now,
        key=asked.key,
    )
    view = place.trace_free_view()
    try:
        return look_before(preview, view, place.config)
    finally:
        if view is not None:
            view.close()


def _from_engine(place: Place, name: str) -> Found:
    """The job with its definition in force in the running engine, not that of the file."""
    view = place.view()
    version = view.job_in_force(name)
    generation = view.current_generation()
    if version is None or generation is None:
        where = f"in generation {generation.number}" if generation else "in the running engine"
        if view.open_rejection():
            where += ", and the files as they are now are rejected (jobfile check)"
        raise unknown_job(name, where, known=[one.job for one in view.jobs_in_force()])
    text = view.definition_text(version.digest)
    if text is None:
        raise UnreadableDefinitionError(name)
    compiled = CompiledJob(spec_from_json(text), Origin(file=version.file, line=version.line))
    return Found(job=compiled, generation=generation.number)


def _beside(view: View, spec: JobSpec) -> Iterator[JobSpec]:
    """The jobs in force that this one starts after, or that start after it."""
    before = {name for one in spec.triggers if isinstance(one, AfterTrigger) for name in one.jobs}
    in_force = {one.job: one.digest for one in view.jobs_in_force()}
    for one in view.newest_definitions():
        if in_force.get(one.job) == one.digest and (one.job in before or f'"{spec.name}"' in one.text):
            yield spec_from_json(one.text)


def _from_file(place: Place, name: str, *, is_dry: bool = False) -> Found:
    from engine.sources.folder import FolderTree  # noqa: PLC0415  start-up time: only without an engine

    snapshot = FolderTree(place.main_file).snapshot()
    if snapshot.problem:
        raise UnreadableFileError(snapshot.trouble)
    compiled = compile_files(snapshot.files, outside=snapshot.outside)
    if compiled.catalog is None:
        refuse_invalid(compiled)
    found = compiled.catalog.job(name)
    if found is None:
        raise unknown_job(name, f"in {place.main_file}", known=compiled.catalog.names)
    beyond = beyond_engine_of(found) or beyond_host_of(found, place.config, is_engine=True)
    if beyond and not is_dry:
        raise JobfileError(beyond)
    return Found(job=found, generation=None, jobs=tuple(one.spec for one in compiled.catalog.jobs))


def _outputs(spec: JobSpec, given: Mapping[str, str]) -> Mapping[str, Mapping[str, Value]]:
    try:
        return given_outputs(spec, given)
    except ValueError as error:
        raise WrongUsageError(f"--output: {error}") from error


def _bound(preview: Found, wanted: Wanted) -> dict[str, Value]:
    spec = preview.job.spec
    bound, problems = bind_params(spec.params, wanted.params, from_text=wanted.from_text)
    if problems:
        raise WrongParamsError(spec.name, problems)
    return bound_params(spec, bound)
