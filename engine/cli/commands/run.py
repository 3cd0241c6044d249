"""`jobfile run`: run a job now and follow it."""

from collections.abc import Sequence

import click

from engine.answers.requested import requested_to_json
from engine.asking.axes import split_axes
from engine.asking.params import split_params
from engine.asking.place import Place
from engine.asking.requested import Wanted, ask_dry_run, bound_to, job_to_run, runs_of_request
from engine.asking.requests import hand_over, is_duplicate
from engine.cli.axes import matrix_option
from engine.cli.exit_codes import GOOD, WOULD_NOT_RUN
from engine.cli.following import attend, tell_duplicate
from engine.cli.output import print_json, width
from engine.cli.place import json_option, place_options, strict_option, why_option
from engine.cli.requests import refuse_contradictions
from engine.core.lifecycle import Run, RunState
from engine.core.vocabulary import short
from engine.dryrun.before import DryRun
from engine.dryrun.rendering import dry_run_to_json, dry_run_to_text
from engine.host.lock import is_engine_running


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

    With --key, a second request within 7 days is a duplicate: the command says so, records nothing, and
    answers about the run of the first request. With --json --wait, it prints one JSON object and nothing
    else.
    """
    refuse_contradictions(outputs, key, is_dry=is_dry, detach=detach, is_waiting=is_waiting)
    wanted = Wanted(params=split_params(given), matrix=split_axes(axes), at=instant, key=key or "")
    if is_dry:
        return _look_only(ask_dry_run(place, job, wanted, split_params(outputs)), as_json=as_json)
    is_running = is_engine_running(place.state_dir)
    found = job_to_run(place, job, is_running=is_running, is_strict=is_strict)
    asked = bound_to(found, wanted, now=place.now())
    runs = runs_of_request(place, found, asked)
    if not detach:
        return attend(place, runs, found.job, why=why, as_json=as_json, shows_output=not is_waiting)
    recorded = hand_over(place, runs, found.job, why=why, now=asked.now)
    is_repeated = is_duplicate(recorded, runs)
    return _detached(place, recorded, as_json=as_json, is_running=is_running, is_repeated=is_repeated)


def _look_only(dry: DryRun, *, as_json: bool) -> int:
    """Print the dry run."""
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
    if not is_running and any(run.state is RunState.QUEUED for run in runs) and not place.has_engine():
        waits = f"run {short(runs[0].id)} waits" if len(runs) == 1 else f"{len(runs)} runs wait"
        click.echo(f"no engine is running: {waits} for  jobfile up", err=True)
    return GOOD
