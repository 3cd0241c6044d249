"""`jobfile runs`: the newest runs."""

from collections.abc import Sequence

import click

from engine.answers.runs import BAD, Runs, newest_runs, one_run, runs_to_json, runs_to_text
from engine.cli.exit_codes import GOOD
from engine.cli.naming import subject
from engine.cli.output import print_json, width
from engine.cli.place import Place, json_option, place_options
from engine.core.lifecycle import RunState
from engine.service.presence import presence_at

_WORDS = ", ".join(state.value for state in RunState)


@click.command("runs")
@click.argument("job_or_run", metavar="[JOB or RUN]", required=False)
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
    job_or_run: str | None, given: tuple[str, ...], *, not_ok: bool, limit: int, as_json: bool, place: Place
) -> int:
    """The newest runs, of JOB or of all, newest first; or one RUN, named by the beginning of its id.

    Runs that did not happen are listed too. Many in a row have one gap record, shown below the table.
    Each time is in the zone of its job.
    """
    found = _runs(place, job_or_run, _states(given, not_ok=not_ok), limit)
    if as_json:
        print_json(runs_to_json(found))
    else:
        click.echo(runs_to_text(found, width=width()))
    return GOOD


def _runs(place: Place, name: str | None, states: Sequence[RunState], limit: int) -> Runs:
    named = subject(place, name) if name else None
    view, now = named.view if named else place.view(), place.now()
    presence = presence_at(place.config, view, now=now)
    if named and named.run:
        return one_run(view, named.run, now=now, presence=presence)
    return newest_runs(
        view, named.job if named else None, states=states, limit=limit, now=now, presence=presence
    )


def _states(given: Sequence[str], *, not_ok: bool) -> tuple[RunState, ...]:
    """The states of the options; () for all."""
    names = [name for text in given for name in text.split(",") if name]
    unknown = [name for name in names if name not in list(RunState)]
    if unknown:
        raise click.UsageError(f"--in: '{unknown[0]}' is not a state; the states are {_WORDS}")
    return tuple(RunState(name) for name in dict.fromkeys([*names, *(BAD if not_ok else ())]))
