"""`jobfile logs`: print the output of a run."""

import threading

import click

from engine.answers.asked import Asked
from engine.answers.combinations import has_values
from engine.answers.logs import about_run, all_logs_to_json, logs_to_json, why_no_output
from engine.asking.logs import Options, logs, one_run
from engine.asking.naming import Subject, subject
from engine.asking.place import Place
from engine.asking.times import LATEST, parse_instant
from engine.asking.waits import is_stuck, stuck_words
from engine.asking.which import Which, matrix_of
from engine.cli.exit_codes import GOOD
from engine.cli.output import print_json
from engine.cli.place import json_option, place_options
from engine.cli.showing import OutputShown
from engine.cli.step_output import StepsShown
from engine.cli.which import which_options
from engine.core.lifecycle import AttemptKey, Run
from engine.core.vocabulary import place_text
from engine.execution.attempt_output import output_of
from engine.ledger.ports import View
from engine.service.presence import has_engine, presence_at
from jobfile.diagnostics.escapes import printable

LOOK_SECONDS = 0.1
MAX_RUNS = 1_000
"""Maximum number of runs that --since shows."""


@click.command("logs")
@click.argument("run_or_job", metavar="RUN or JOB")
@click.argument("step", required=False)
@click.option("-F", "--follow", "is_followed", is_flag=True, help="Follow the output until the run is over.")
@click.option("--tail", type=click.IntRange(0), metavar="N", help="Only the last N lines of each attempt.")
@click.option("--since", metavar="TIME", help="Every run of JOB expected from this time on: today, 7d, 8:00.")
@which_options
@click.option("--attempt", type=click.IntRange(1), help="Only this attempt [default: all].")
@json_option
@place_options
def command(
    run_or_job: str,
    step: str | None,
    *,
    is_followed: bool,
    tail: int | None,
    since: str | None,
    which: Which,
    attempt: int | None,
    as_json: bool,
    place: Place,
) -> int:
    """What RUN, or the newest run of JOB, wrote: standard output and standard error as they came.

    For a job with steps, the output of each step in their order, or only that of STEP (load, or load[2] for
    one item). With --follow, lines are printed as they come, each after the name of its step.

    On a terminal, control sequences are removed; a pipe or a file gets the bytes as they are. So  jobfile
    logs JOB | tail  sends raw bytes to your terminal; append  | cat -v  if you do not trust the job.

    --at and --matrix choose a run of JOB other than the newest, or one of its combinations.

    Which run it is, and why there is nothing to show, goes to standard error. With --since, the runs come
    oldest first.
    """
    options = Options(step, attempt, tail, is_followed)
    if since is not None and (is_followed or attempt or which.time):
        raise click.UsageError("--since shows several runs; --follow, --attempt and --at show one of them")
    named = subject(place, run_or_job)
    if since is not None:
        return _show_since(place, named, since, which, options, as_json=as_json)
    run = one_run(place, named, which, options)
    if as_json:
        print_json(logs_to_json(logs(place, named.view, run, options)))
    else:
        _show_run(place, named, run, options)
    return GOOD


def _show_since(
    place: Place,
    named: Subject,
    since: str,
    which: Which,
    options: Options,
    *,
    as_json: bool,
) -> int:
    """Show every run of a job from a time on."""
    if named.run is not None:
        raise click.UsageError("--since chooses runs of a JOB; remove it, or name the JOB")
    start = parse_instant(since, named.zone, now=place.now())
    runs = named.view.runs_between(named.job, since=start, until=LATEST, limit=MAX_RUNS + 1)
    if len(runs) > MAX_RUNS:
        raise click.UsageError(
            f"{named.job} has more than {MAX_RUNS:,} runs since then; give a later --since"
        )
    runs = tuple(run for run in runs if has_values(run.matrix, matrix_of(named, which)))
    if as_json:
        print_json(all_logs_to_json([logs(place, named.view, run, options) for run in reversed(runs)]))
        return GOOD
    for run in reversed(runs):
        _show_run(place, named, run, options)
    if not runs:
        click.echo(f"{named.job} has no run since then", err=True)
    return GOOD


def _show_run(place: Place, named: Subject, run: Run, options: Options) -> None:
    """Print which run it is on standard error, and what it wrote."""
    view, now = named.view, place.now()
    presence = presence_at(place.config, view, now=now)
    asked = Asked(view=view, job=run.job, zone=named.zone, now=now, presence=presence)
    click.echo(printable(about_run(asked, run)), err=True)
    has_shown = _show(place, view, run, options)
    after = view.run(run.id) or run
    if options.is_followed and _is_stuck(place, view, after):
        click.echo(printable(stuck_words(after)), err=True)
    elif not has_shown and options.tail != 0:
        click.echo(why_no_output(after, options.attempts(view, run)), err=True)


def _show(place: Place, view: View, run: Run, options: Options) -> bool:
    """Print the output as it comes; return whether there was any."""
    if options.is_followed:
        run = _when_begun(place, view, run)
    if run.begun_at is not None:
        return _show_steps(place, view, run, options)
    if options.is_followed:
        return _follow(place, view, run, options)
    numbers = [options.attempt] if options.attempt else list(range(1, run.attempt + 1))
    has_shown = False
    for number in numbers:
        if len(numbers) > 1:
            click.echo(f"--- attempt {number} ---")
        shown = _shown_of(place, view, run, number, options)
        shown.finish()
        has_shown = has_shown or shown.has_shown
    return has_shown


def _shown_of(place: Place, view: View, run: Run, number: int, options: Options) -> OutputShown:
    output = output_of(place.config, AttemptKey(run.id, number), view.pieces)
    return OutputShown(output.tail(), lines=options.tail)


def _when_begun(place: Place, view: View, run: Run) -> Run:
    """The run when it has begun, or when it is known that it will not."""
    while not (run.attempt or run.begun_at or run.state.is_final or _is_stuck(place, view, run)):
        threading.Event().wait(LOOK_SECONDS)
        run = view.run(run.id) or run
    return run


def _follow(place: Place, view: View, run: Run, options: Options) -> bool:
    """Print the output as it comes, also of the attempts that follow; return whether there was any."""
    number, has_shown, is_named = options.attempt or 1, False, not options.attempt and run.attempt > 1
    while number <= run.attempt:
        if is_named:
            click.echo(f"--- attempt {number} ---")
        shown = _shown_of(place, view, run, number, options)
        shown.show_new()
        while (run := view.run(run.id) or run).attempt == number and _is_going(place, view, run):
            threading.Event().wait(LOOK_SECONDS)
            shown.show_new()
        shown.finish()
        has_shown = has_shown or shown.has_shown
        if options.attempt:
            break
        number, is_named = number + 1, True
    return has_shown


def _show_steps(place: Place, view: View, run: Run, options: Options) -> bool:
    """Print the output of steps: as it comes, or else of one after the other."""
    if options.is_followed:
        return _follow_steps(place, view, run, options)
    attempts = options.attempts(view, run)
    has_shown = False
    for one in attempts:
        if len(attempts) > 1:
            number = f", attempt {one.number}" if one.number > 1 else ""
            click.echo(f"--- {place_text(one.step, one.item)}{number} ---")
        shown = OutputShown(output_of(place.config, one.key, view.pieces).tail(), lines=options.tail)
        shown.finish()
        has_shown = has_shown or shown.has_shown
    return has_shown


def _follow_steps(place: Place, view: View, run: Run, options: Options) -> bool:
    """Print the output of steps as it comes, also of those that begin later; return whether there was any."""
    shown = StepsShown(
        lambda: [one for one in view.attempts(run.id) if options.takes(one.key)],
        lambda key: output_of(place.config, key, view.pieces).tail(),
        lines=options.tail,
    )
    shown.show_new()
    while _is_going(place, view, view.run(run.id) or run) and not _has_all(view, run, options):
        threading.Event().wait(LOOK_SECONDS)
        shown.show_new()
    shown.show_new()
    return shown.has_shown


def _has_all(view: View, run: Run, options: Options) -> bool:
    return options.step is not None and options.has_all(
        (one.step, one.item, one.state) for one in view.steps(run.id)
    )


def _is_going(place: Place, view: View, run: Run) -> bool:
    """Whether more output may come: of what runs, or of what an engine will start."""
    return not run.state.is_final and not _is_stuck(place, view, run)


def _is_stuck(place: Place, view: View, run: Run) -> bool:
    """Whether nothing will start the run, or its next attempt."""
    return is_stuck(place, run) and not has_engine(place.config, view, now=place.now())
