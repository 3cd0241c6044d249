"""`jobfile run`: run a job now and follow it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import click

from engine.actions.beyond_host import beyond_host_of
from engine.actions.unsupported import beyond_engine_of
from engine.answers.requested import requested_to_json
from engine.asking.actions import bound, job_in_force, zone_of_spec
from engine.asking.axes import chosen_combinations, split_axes
from engine.asking.naming import unknown_job
from engine.asking.params import split_params
from engine.asking.place import Place
from engine.asking.requests import hand_over, is_duplicate, new_runs
from engine.asking.times import parse_instant
from engine.cli.axes import matrix_option
from engine.cli.exit_codes import GOOD, WOULD_NOT_RUN
from engine.cli.findings import refuse_invalid
from engine.cli.following import attend, tell_duplicate
from engine.cli.output import print_json, width
from engine.cli.place import json_option, place_options, refuse_unsafe_files, strict_option, why_option
from engine.core.errors import JobfileError, UnreadableFileError
from engine.core.lifecycle import Run, RunState
from engine.core.vocabulary import short
from engine.dryrun.before import Preview, look_before
from engine.dryrun.describing import given_outputs
from engine.dryrun.rendering import dry_run_to_json, dry_run_to_text
from engine.host.lock import is_engine_running
from engine.transactions.keys import key_trouble
from jobfile.model.catalog import CompiledJob
from jobfile.model.jobs import JobSpec
from jobfile.model.values import Scalar, Value
from jobfile.pipeline import compile_files


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """The job to run, and its generation, if it has one."""

    job: CompiledJob
    generation: int | None
    jobs: tuple[JobSpec, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """What the options say about the run."""

    params: Mapping[str, Value]
    at: datetime
    now: datetime
    chosen: tuple[Mapping[str, Scalar], ...]
    key: str


@click.command("run")
@click.argument("job")
@click.option(
    "-p",
    "--param",
    "given",
    multiple=True,
    metavar="NAME=VALUE",
    help="A value for a param of the job: -p day=2026-11-28 [default: that of the file]. Repeatable.",
)
@matrix_option(
    "Only combinations of the matrix with this value: --matrix region=eu [default: all]. Repeatable."
)
@click.option(
    "--at",
    "instant",
    metavar="TIME",
    help="The time that the run is for, as its templates see it; it starts now in any case [default: now].",
)
@click.option("--detach", is_flag=True, help="Print the run's id and exit [default: follow the run].")
@click.option("--wait", "is_waiting", is_flag=True, help="Wait for the end, and print no output of the job.")
@click.option(
    "--key",
    metavar="KEY",
    help="Start nothing if a request for JOB had this key in the last 7 days [default: the job's].",
)
@click.option("--dry-run", "--dry", "is_dry", is_flag=True, help="Show what would run; start nothing.")
@click.option(
    "--output",
    "outputs",
    multiple=True,
    metavar="STEP.NAME=VALUE",
    help="With --dry-run: suppose that a step had this output: --output fetch.count=3. Repeatable.",
)
@why_option
@strict_option
@json_option
@place_options
def command(
    job: str,
    given: tuple[str, ...],
    axes: tuple[str, ...],
    instant: str | None,
    outputs: tuple[str, ...],
    *,
    why: str,
    key: str | None,
    detach: bool,
    is_waiting: bool,
    is_dry: bool,
    is_strict: bool,
    as_json: bool,
    place: Place,
) -> int:
    """Run JOB now and follow it to its end.

    A running engine runs it; without one, this command does, and several such commands can run side by side.
    On Ctrl-C, SIGTERM or SIGHUP a run that has not started is withdrawn. One that has started continues in
    the engine, or is cancelled if there is none. With --json the job's output goes to stderr.

    A job with a matrix has a run for each combination; --matrix selects some of them.

    With --key, the second request within 7 days is a duplicate: nothing is recorded, and the command says
    so and is about the run of the first one. With --json --wait, it prints one JSON object and nothing else.
    """
    _refuse_contradictions(outputs, key, is_dry=is_dry, detach=detach, is_waiting=is_waiting)
    is_running = is_engine_running(place.state_dir)
    if not is_running and not is_dry:
        refuse_unsafe_files(place, is_strict=is_strict)
    found = _from_engine(place, job) if is_running and not is_dry else _from_file(place, job, is_dry=is_dry)
    asked = _asked(found, given, axes, instant, key=key or "", now=place.now())
    if is_dry:
        return _look_only(_preview(found, asked, given, outputs), place, as_json=as_json)
    runs = new_runs(
        found.job.spec,
        digest=found.job.digest,
        generation=found.generation,
        params=asked.params,
        at=asked.at,
        now=asked.now,
        chosen=asked.chosen,
        key=asked.key,
    )
    if not detach:
        return attend(place, runs, found.job, why=why, as_json=as_json, shows_output=not is_waiting)
    recorded = hand_over(place, runs, found.job, why=why, now=asked.now)
    is_repeated = is_duplicate(recorded, runs)
    return _detached(place, recorded, as_json=as_json, is_running=is_running, is_repeated=is_repeated)


def _asked(
    found: _Found,
    given: tuple[str, ...],
    axes: tuple[str, ...],
    instant: str | None,
    *,
    key: str,
    now: datetime,
) -> _Asked:
    spec = found.job.spec
    zone = zone_of_spec(spec)
    return _Asked(
        params=bound(spec, split_params(given)),
        at=parse_instant(instant, zone, now=now) if instant else now,
        now=now,
        chosen=chosen_combinations(spec, split_axes(axes)),
        key=key,
    )


def _preview(found: _Found, asked: _Asked, given: tuple[str, ...], outputs: tuple[str, ...]) -> Preview:
    spec = found.job.spec
    return Preview(
        job=replace(found.job, spec=replace(spec, matrix=asked.chosen)),
        params=asked.params,
        given=frozenset(split_params(given)),
        at=asked.at,
        jobs=found.jobs,
        outputs=_outputs(spec, split_params(outputs)),
        now=asked.now,
        key=asked.key,
    )


def _refuse_contradictions(
    outputs: tuple[str, ...], key: str | None, *, is_dry: bool, detach: bool, is_waiting: bool
) -> None:
    if outputs and not is_dry:
        raise click.UsageError("--output supplies results that a dry run cannot know; it needs --dry-run")
    if detach and is_waiting:
        raise click.UsageError("--detach does not wait; remove it, or --wait")
    if key is not None and (trouble := key_trouble(key)):
        raise click.UsageError(f"--key: {trouble}")


def _from_engine(place: Place, name: str) -> _Found:
    """The job with its definition in force in the running engine, not that of the file."""
    found = job_in_force(place.view(), name)
    return _Found(job=found.job, generation=found.generation)


def _from_file(place: Place, name: str, *, is_dry: bool = False) -> _Found:
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
    return _Found(job=found, generation=None, jobs=tuple(one.spec for one in compiled.catalog.jobs))


def _outputs(spec: JobSpec, given: Mapping[str, str]) -> Mapping[str, Mapping[str, Value]]:
    try:
        return given_outputs(spec, given)
    except ValueError as error:
        raise click.UsageError(f"--output: {error}") from error


def _look_only(preview: Preview, place: Place, *, as_json: bool) -> int:
    """Print the dry run."""
    view = place.trace_free_view()
    dry = look_before(preview, view, place.config)
    if view is not None:
        view.close()
    if as_json:
        print_json(dry_run_to_json(dry))
    else:
        click.echo(dry_run_to_text(dry, width=width()))
    return WOULD_NOT_RUN if dry.would_run is False else GOOD


def _detached(
    place: Place, runs: Sequence[Run], *, as_json: bool, is_running: bool, is_repeated: bool
) -> int:
    if is_repeated:
        tell_duplicate(runs[0])
    if as_json:
        is_matrix, options = len(runs) > 1, place.options
        found = requested_to_json(
            place.view(), runs, is_duplicate=is_repeated, is_followed=is_matrix, options=options
        )
        print_json(found)
    else:
        click.echo("\n".join(run.id for run in runs))
    if not is_running and any(run.state is RunState.QUEUED for run in runs):
        waits = f"run {short(runs[0].id)} waits" if len(runs) == 1 else f"{len(runs)} runs wait"
        click.echo(f"no engine is running: {waits} for  jobfile up", err=True)
    return GOOD
