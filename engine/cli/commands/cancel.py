"""`jobfile cancel`: end a run, or all that are chosen."""

import click

from engine.answers.as_json import one_run_to_json
from engine.answers.cancelling import cancellable, cancellable_to_text, cancelled_to_json, cancelled_to_text
from engine.answers.choice import Choice
from engine.asking.choosing import chosen_jobs
from engine.asking.naming import job_named
from engine.asking.place import Place
from engine.asking.requests import ask_to_stop
from engine.asking.stops import end_without_engine, stop_run
from engine.cli.confirming import confirmed
from engine.cli.exit_codes import GOOD
from engine.cli.filters import choice_options
from engine.cli.output import print_json, print_text, row_width, style_of
from engine.cli.place import json_option, place_options, why_option
from engine.core.lifecycle import Run
from engine.core.vocabulary import short
from engine.host.lock import lock_holder
from engine.ports import Stop
from engine.service.presence import presence_at
from jobfile.model.counts import many
from jobfile.model.namedtuple import NamedTuple


class _Many(NamedTuple):
    """The options that choose runs."""

    jobs: tuple[str, ...]
    choice: Choice
    is_queued: bool
    is_all: bool

    @property
    def is_empty(self) -> bool:
        return not (self.jobs or self.is_queued or self.is_all) and self.choice.is_all


@click.command("cancel")
@click.argument("run", metavar="[RUN]", required=False)
@click.option("--job", "jobs", multiple=True, metavar="JOB", help="Every open run of this job. Repeatable.")
@choice_options
@click.option("--queued", "is_queued", is_flag=True, help="Only runs that have not started.")
@click.option("--all", "is_all", is_flag=True, help="Every open run of every job.")
@click.option(
    "--kill",
    is_flag=True,
    help="Send SIGKILL immediately [default: SIGTERM first, SIGKILL after the job's kill_grace].",
)
@click.option("--dry-run", "is_dry", is_flag=True, help="Show the runs; end none.")
@click.option("--yes", "-y", "is_sure", is_flag=True, help="End several runs without asking.")
@why_option
@json_option
@place_options
def command(
    run: str | None,
    jobs: tuple[str, ...],
    *,
    choice: Choice,
    is_queued: bool,
    is_all: bool,
    kill: bool,
    is_dry: bool,
    is_sure: bool,
    why: str,
    as_json: bool,
    place: Place,
) -> int:
    """End RUN: SIGTERM to its processes, SIGKILL after the job's kill_grace.

    The audit records who cancelled the run, and why. A run that is over stays as it is.

    With --job, --tag, --owner, --queued or --all: every open run that they choose together. It shows the
    runs and asks; runs that are recorded meanwhile are not ended.
    """
    how = Stop.KILL if kill else Stop.CANCEL
    options = _Many(jobs, choice, is_queued, is_all)
    if run is None and not options.is_empty:
        return _cancel_many(place, options, how, why=why, is_dry=is_dry, is_sure=is_sure, as_json=as_json)
    if run is None or is_dry or is_sure or not options.is_empty:
        raise click.UsageError(
            "name one RUN; or choose several with --job, --tag, --owner, --queued or --all"
        )
    found, after = stop_run(place, run, how, why=why)
    if as_json:
        print_json(one_run_to_json(after))
    else:
        already = " was over already" if found.state.is_final else ""
        click.echo(f"run {short(after.id)} of {after.job}{already}: {after.state.value}")
    return GOOD


def _cancel_many(
    place: Place, options: _Many, how: Stop, *, why: str, is_dry: bool, is_sure: bool, as_json: bool
) -> int:
    """Show the chosen runs, ask, and end them."""
    if as_json and not (is_sure or is_dry):
        raise click.UsageError("--json does not ask: add --yes, or --dry-run to see the runs")
    if options.is_all and (options.jobs or not options.choice.is_all):
        raise click.UsageError("--all is every job; remove it, or --job, --tag and --owner")
    view, now = place.view(), place.now()
    chosen = chosen_jobs(view, options.choice)
    if options.jobs:
        named = {job_named(place, job).job for job in options.jobs}
        chosen = frozenset(named if chosen is None else named & chosen)
    presence = presence_at(place.config, view, now=now)
    found = cancellable(view, chosen, is_queued=options.is_queued, now=now, presence=presence)
    if not as_json:
        style = style_of()
        print_text(cancellable_to_text(found, width=row_width(), style=style), style)
    is_done = bool(found.runs) and not is_dry
    is_done = is_done and confirmed(f"End {many(len(found.runs), 'run')}?", is_sure=is_sure)
    runs: tuple[Run, ...] = found.runs
    if is_done:
        runs = ask_to_stop(place, runs, how, why=why, now=place.now(), only_queued=options.is_queued)
        if lock_holder(place.state_dir) is None:
            runs = end_without_engine(place, view, runs)
    if as_json:
        print_json(cancelled_to_json(runs))
    elif is_done:
        click.echo(cancelled_to_text(runs))
    return GOOD
