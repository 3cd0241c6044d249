"""`jobfile runs`: the newest runs."""

import click

from engine.answers.choice import Choice
from engine.answers.runs import BAD, runs_to_json, runs_to_text
from engine.asking.place import Place
from engine.asking.runs import Options, ask_runs, states_of
from engine.cli.exit_codes import GOOD
from engine.cli.filters import choice_options
from engine.cli.output import print_json, print_text, row_width, style_of
from engine.cli.place import json_option, place_options


@click.command("runs")
@click.argument("run_or_job", metavar="[RUN or JOB]", required=False)
@click.option("--since", metavar="TIME", help="Only runs expected from this time on: yesterday, 7d, 8:00.")
@click.option("--until", metavar="TIME", help="Only runs expected before this time.")
@choice_options
@click.option(
    "--in", "given", multiple=True, metavar="STATE", help="Only runs in these states: a,b. Repeatable."
)
@click.option("--not-ok", is_flag=True, help=f"Only runs that did not end well: {', '.join(BAD)}.")
@click.option(
    "--limit", type=click.IntRange(1, 100_000), default=20, show_default=True, help="Maximum number of runs."
)
@json_option
@place_options
def command(
    run_or_job: str | None,
    since: str | None,
    until: str | None,
    given: tuple[str, ...],
    *,
    choice: Choice,
    not_ok: bool,
    limit: int,
    as_json: bool,
    place: Place,
) -> int:
    """The newest runs, of JOB or of all, newest first; or one RUN, named by the beginning of its id.

    Runs that did not happen are listed too. Many such runs in a row have one gap record, which is shown
    below the table. Runs are sorted by the time when they were recorded; with --since, --until, --tag or
    --owner, by their scheduled time. Each time is in the zone of its job. --since and --until are read in
    the zone of JOB, or else in UTC.
    """
    options = Options(since, until, choice, states_of(given, not_ok=not_ok), limit)
    found = ask_runs(place, run_or_job, options)
    if as_json:
        print_json(runs_to_json(found))
    else:
        style = style_of()
        print_text(runs_to_text(found, width=row_width(), style=style), style)
    return GOOD
