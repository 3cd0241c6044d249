"""`jobfile logs`: print the output of a run."""

import threading

import click

from engine.answers.asked import Asked
from engine.answers.logs import Logs, about_run, logs_of, logs_to_json, why_no_output
from engine.cli.exit_codes import GOOD
from engine.cli.naming import UnknownRunError, run_named
from engine.cli.output import print_json
from engine.cli.place import Place, json_option
from engine.cli.showing import OutputShown
from engine.core.lifecycle import Attempt, AttemptKey, Run
from engine.core.vocabulary import short
from engine.ledger.ports import View
from engine.service.presence import presence_at
from engine.supervisor.output import OutputTail
from jobfile.diagnostics.escapes import printable

LOOK_SECONDS = 0.1


@click.command("logs")
@click.argument("run_or_job", metavar="RUN or JOB")
@click.option("-f", "--follow", "is_followed", is_flag=True, help="Follow the output until the run is over.")
@click.option("--attempt", type=click.IntRange(1), help="Only this attempt [default: all].")
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

    On a terminal, control sequences are removed; a pipe or a file gets the bytes as they are. Which run it
    is, and why there is nothing to show, goes to standard error. So  jobfile logs JOB | tail  sends raw bytes
    to your terminal; append  | cat -v  if you do not trust the job.
    """
    place = Place.named(file, state)
    named, run = run_named(place, run_or_job)
    if attempt is not None and attempt > run.attempt:
        has = "1 attempt" if run.attempt == 1 else f"{run.attempt or 'no'} attempts"
        raise UnknownRunError(f"run {short(run.id)} has {has}; there is no attempt {attempt}")
    if as_json:
        print_json(logs_to_json(_logs(place, named.view, run, attempt)))
        return GOOD
    presence = presence_at(place.config, named.view, now=place.now())
    asked = Asked(view=named.view, job=run.job, zone=named.zone, now=place.now(), presence=presence)
    click.echo(printable(about_run(asked, run)), err=True)
    if not _show(place, named.view, run, attempt, is_followed=is_followed):
        view = named.view
        click.echo(why_no_output(view.run(run.id) or run, _attempts(view, run, attempt)), err=True)
    return GOOD


def _show(place: Place, view: View, run: Run, attempt: int | None, *, is_followed: bool) -> bool:
    """Print the output as it comes; return whether there was any."""
    numbers = [attempt] if attempt else list(range(1, run.attempt + 1))
    has_shown = False
    for number in numbers:
        if len(numbers) > 1:
            click.echo(f"--- attempt {number} ---")
        shown = OutputShown(OutputTail(place.config.attempt_dir(AttemptKey(run.id, number))))
        shown.show_new()
        while is_followed and _is_going(view, run.id, number):
            threading.Event().wait(LOOK_SECONDS)
            shown.show_new()
        shown.finish()
        has_shown = has_shown or shown.has_shown
    return has_shown


def _is_going(view: View, run_id: str, number: int) -> bool:
    run = view.run(run_id)
    return run is not None and not run.state.is_final and run.attempt == number


def _attempts(view: View, run: Run, attempt: int | None) -> list[Attempt]:
    return [one for one in view.attempts(run.id) if attempt in (None, one.number)]


def _logs(place: Place, view: View, run: Run, attempt: int | None) -> Logs:
    def read(attempt: AttemptKey) -> bytes:
        return OutputTail(place.config.attempt_dir(attempt)).read()

    return logs_of(run, _attempts(view, run, attempt), read)
