"""`jobfile runs`: the newest runs."""

from collections.abc import Sequence
from typing import NamedTuple

import click

from engine.answers.choice import Choice
from engine.answers.runs import BAD, Runs, newest_runs, one_run, runs_in, runs_to_json, runs_to_text
from engine.asking.choosing import chosen_jobs, named_states, refuse_choice_of_one, window_of
from engine.asking.naming import subject
from engine.asking.place import Place
from engine.cli.exit_codes import GOOD
from engine.cli.filters import choice_options
from engine.cli.output import print_json, print_text, row_width, style_of
from engine.cli.place import json_option, place_options
from engine.core.lifecycle import RunState
from engine.service.presence import presence_at


class _Options(NamedTuple):
    """Which runs to list."""

    since: str | None
    until: str | None
    choice: Choice
    states: tuple[RunState, ...]
    limit: int

    @property
    def has_window(self) -> bool:
        return bool(self.since or self.until) or not self.choice.is_all


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

    Runs that did not happen are listed too. Many in a row have one gap record, shown below the table. Runs
    are sorted by the time when they were recorded; with --since, --until, --tag or --owner, by their
    scheduled time. Each time is in the zone of its job. --since and --until are read in the zone of JOB, or
    else in UTC.
    """
    options = _Options(since, until, choice, _states(given, not_ok=not_ok), limit)
    found = _runs(place, run_or_job, options)
    if as_json:
        print_json(runs_to_json(found))
    else:
        style = style_of()
        print_text(runs_to_text(found, width=row_width(), style=style), style)
    return GOOD


def _runs(place: Place, name: str | None, options: _Options) -> Runs:
    refuse_choice_of_one(name, options.choice)
    named = subject(place, name) if name else None
    view, now = named.view if named else place.view(), place.now()
    presence = presence_at(place.config, view, now=now)
    if named and named.run:
        if options.has_window:
            raise click.UsageError("--since and --until are about a job; a RUN is one already")
        return one_run(view, named.run, now=now, presence=presence)
    if not options.has_window:
        job = named.job if named else None
        return newest_runs(view, job, states=options.states, limit=options.limit, now=now, presence=presence)
    window = window_of(options.since, options.until, named.zone if named else None, now=now)
    return runs_in(
        view,
        {named.job} if named else chosen_jobs(view, options.choice),
        since=window.since,
        until=window.until,
        states=options.states,
        limit=options.limit,
        now=now,
        presence=presence,
    )


def _states(given: Sequence[str], *, not_ok: bool) -> tuple[RunState, ...]:
    """The states of the options; () for all."""
    named = (RunState(name) for name in named_states(given, list(RunState)))
    return tuple(dict.fromkeys([*named, *(BAD if not_ok else ())]))
