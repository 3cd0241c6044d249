"""`jobfile runs`: the newest runs."""

import click

from engine.answers.presence import Presence, unsettled_words
from engine.cli.naming import subject
from engine.cli.output import local, print_json, run_to_json, table
from engine.cli.place import Place, json_option, place_options
from engine.cli.presence import presence_at
from engine.lifecycle import Run, RunState
from engine.wording import in_words, seconds_text, short

HEADS = ("run", "job", "scheduled for", "state", "took", "why")


@click.command("runs")
@click.argument("job_or_run", metavar="[JOB or RUN]", required=False)
@click.option(
    "--in", "wanted", type=click.Choice([one.value for one in RunState]), help="Only in this state."
)
@click.option(
    "--limit", type=click.IntRange(1, 100_000), default=20, show_default=True, help="At most so many."
)
@json_option
@place_options
def command(job_or_run: str | None, wanted: str | None, limit: int, *, as_json: bool, place: Place) -> int:
    """The newest runs, of JOB or of all, newest first; or one RUN. Runs that did not happen are here too."""
    asked = subject(place, job_or_run) if job_or_run else None
    view = asked.view if asked else place.view()
    if asked and asked.run:
        runs: tuple[Run, ...] = (asked.run,)
    else:
        job = asked.job if asked else None
        runs = view.recent_runs(job=job, state=RunState(wanted) if wanted else None, limit=limit)
    if as_json:
        print_json([run_to_json(run) for run in runs])
    elif runs:
        presence = presence_at(place, view)
        click.echo(table(HEADS, [_cells(run, presence) for run in runs]))
    else:
        click.echo("no runs yet")
    return 0


def _cells(run: Run, presence: Presence) -> tuple[str, ...]:
    took = ""
    if run.started_at and run.ended_at and run.attempt:
        took = seconds_text((run.ended_at - run.started_at).total_seconds())
    tries = f" ({run.attempt} attempts)" if run.attempt > 1 else ""
    fate = presence.fates.get(run.id)
    why = unsettled_words(fate) if fate else in_words(run)
    return (short(run.id), run.job, local(run.scheduled_for), run.state.value + tries, took, why)
