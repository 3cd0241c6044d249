"""`jobfile logs`: what a run wrote."""

import threading

import click

from engine.adapters.folders import left_by
from engine.adapters.output import OutputTail
from engine.cli.naming import subject
from engine.cli.output import print_json
from engine.cli.place import Place, json_option
from engine.cli.showing import OutputShown
from engine.ledger import View
from engine.lifecycle import Run
from engine.wording import short

LOOK_SECONDS = 0.1


@click.command("logs")
@click.argument("run_or_job", metavar="RUN or JOB")
@click.option("-f", "--follow", "is_followed", is_flag=True, help="Go on until the run is over.")
@click.option("--attempt", type=click.IntRange(1), help="Of this attempt [default: all].")
@json_option
@click.option("--file", metavar="FILE", help="The main job file [default: jobs.yaml here or above].")
@click.option("--state", metavar="DIR", help="The state folder [default: .jobfile beside the job file].")
def command(
    run_or_job: str,
    *,
    is_followed: bool,
    attempt: int | None,
    as_json: bool,
    file: str | None,
    state: str | None,
) -> int:
    """What RUN, or the newest run of JOB, wrote: standard output and standard error as they came.

    A terminal gets text that cannot steer it; a pipe or a file gets the bytes as they are.
    """
    place = Place.named(file, state)
    view, run = _find(place, run_or_job)
    if as_json:
        print_json(_as_json(place, view, run, attempt))
        return 0
    left = left_by(place.config.run_dir(run.id), attempts=run.attempt)
    if run.state.is_final and run.attempt and not any(path.exists() for path in left):
        click.echo(f"what run {short(run.id)} wrote is no longer kept", err=True)
    numbers = [attempt] if attempt else list(range(1, run.attempt + 1))
    for number in numbers:
        if len(numbers) > 1:
            click.echo(f"--- attempt {number} ---")
        shown = OutputShown(OutputTail(place.config.attempt_dir(run.id, number)))
        shown.show_new()
        while is_followed and _is_going(view, run.id, number):
            threading.Event().wait(LOOK_SECONDS)
            shown.show_new()
        shown.finish()
    return 0


def _is_going(view: View, run_id: str, number: int) -> bool:
    run = view.run(run_id)
    return run is not None and not run.state.is_final and run.attempt == number


def _find(place: Place, text: str) -> tuple[View, Run]:
    """The run with this id, or the newest of the job with this name."""
    found = subject(place, text)
    run = found.run or found.view.newest_run(found.job, until=place.now())
    if run is None:
        raise click.UsageError(f"job {text} has no run yet")
    return found.view, run


def _as_json(place: Place, view: View, run: Run, attempt: int | None) -> dict[str, object]:
    attempts = [one for one in view.attempts(run.id) if attempt in (None, one.number)]
    return {
        "format": 1,
        "run": run.id,
        "job": run.job,
        "attempts": [
            {
                "number": one.number,
                "output": OutputTail(place.config.attempt_dir(run.id, one.number))
                .read()
                .decode("utf-8", "replace"),
                "output_bytes": one.output_bytes,
                "output_dropped": one.output_dropped,
            }
            for one in attempts
        ],
    }
