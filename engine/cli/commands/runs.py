"""`jobfile runs`: the newest runs."""

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache

import click

from engine.answers.as_json import run_to_json
from engine.answers.asked import Asked
from engine.answers.expected import item_of
from engine.answers.report import NOT_WELL
from engine.answers.zones import zone_of_job
from engine.cli.exit_codes import GOOD
from engine.cli.naming import subject
from engine.cli.output import print_json, width
from engine.cli.place import Place, json_option, place_options
from engine.cli.presence import presence_at
from engine.core.columns import table
from engine.core.lifecycle import Run, RunState
from engine.core.records import Gap
from engine.core.vocabulary import instant_text, reason_words, seconds_text, short
from engine.ledger.ports import View
from jobfile.diagnostics.escapes import printable

HEADS = ("run", "job", "scheduled for", "state", "took", "why")

MAX_GAPS = 5
"""Gap records that are told below the runs."""

_ALWAYS = datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)
BAD = tuple(RunState(name) for name in NOT_WELL if name in list(RunState))
_WORDS = ", ".join(state.value for state in RunState)


@click.command("runs")
@click.argument("job_or_run", metavar="[JOB or RUN]", required=False)
@click.option(
    "--in", "given", multiple=True, metavar="STATE", help="Only in these states: given again, or a,b."
)
@click.option("--not-ok", is_flag=True, help=f"Only what is not well: {', '.join(BAD)}.")
@click.option(
    "--limit", type=click.IntRange(1, 100_000), default=20, show_default=True, help="At most so many."
)
@json_option
@place_options
def command(
    job_or_run: str | None, given: tuple[str, ...], *, not_ok: bool, limit: int, as_json: bool, place: Place
) -> int:
    """The newest runs, of JOB or of all, newest first; or one RUN, named by the beginning of its id.

    Runs that did not happen are here too. Of many in a row there is one gap record, told below the table.
    Each time is in the zone of its job.
    """
    states = _states(given, not_ok=not_ok)
    named = subject(place, job_or_run) if job_or_run else None
    view = named.view if named else place.view()
    if named and named.run:
        runs: tuple[Run, ...] = (named.run,)
    else:
        runs = view.recent_runs(job=named.job if named else None, state=states or None, limit=limit)
    if as_json:
        print_json([run_to_json(run) for run in runs])
        return GOOD
    if runs:
        click.echo(_as_table(place, view, runs))
    elif not (named and named.run):
        click.echo("no such runs" if states else "no runs yet")
    if not (named and named.run):
        oldest = min(run.scheduled_for for run in runs) if len(runs) == limit else _ALWAYS[0]
        _tell_gaps(view, named.job if named else None, states, oldest)
    return GOOD


def _states(given: Sequence[str], *, not_ok: bool) -> tuple[RunState, ...]:
    """The states that are asked for; () for all."""
    names = [name for text in given for name in text.split(",") if name]
    unknown = [name for name in names if name not in list(RunState)]
    if unknown:
        raise click.UsageError(f"--in: '{unknown[0]}' is no state; the states are {_WORDS}")
    return tuple(RunState(name) for name in dict.fromkeys([*names, *(BAD if not_ok else ())]))


def _as_table(place: Place, view: View, runs: Sequence[Run]) -> str:
    presence, now = presence_at(place, view), place.now()
    zone_of = cache(lambda job: zone_of_job(view, job))
    rows = [
        _cells(run, Asked(view=view, job=run.job, zone=zone_of(run.job), now=now, presence=presence))
        for run in runs
    ]
    return table(HEADS, rows, width=width())


def _cells(run: Run, asked: Asked) -> tuple[str, ...]:
    took = ""
    if run.started_at and run.ended_at and run.attempt:
        took = seconds_text((run.ended_at - run.started_at).total_seconds())
    tries = f" ({run.attempt} attempts)" if run.attempt > 1 else ""
    at = instant_text(run.scheduled_for, asked.zone, has_seconds=True)
    return (short(run.id), run.job, at, run.state.value + tries, took, asked.words(item_of(run)))


def _tell_gaps(view: View, job: str | None, states: Sequence[RunState], since: datetime) -> None:
    """What the table leaves out: occurrences that have no run of their own."""
    found = view.gaps_between(job, since=since, until=_ALWAYS[1])
    gaps = [gap for gap in reversed(found) if not states or gap.state in states]
    if not gaps:
        return
    count = sum(gap.count for gap in gaps)
    click.echo(f"{count:,} more have no run of their own and are not listed:")
    for gap in gaps[:MAX_GAPS]:
        click.echo(f"  {printable(_gap_line(view, gap))}")
    if len(gaps) > MAX_GAPS:
        click.echo(f"  and {len(gaps) - MAX_GAPS:,} more stretches:  jobfile report")


def _gap_line(view: View, gap: Gap) -> str:
    zone = zone_of_job(view, gap.job)
    first, last = instant_text(gap.first_at, zone), instant_text(gap.last_at, zone)
    span = first if gap.count == 1 else f"{first} to {last}"
    why = "only what became of them is kept" if gap.pruned_at else reason_words(gap.reason, gap.detail)
    return f"{gap.job}  {gap.count:,} {gap.state.value}, {span}{f': {why}' if why else ''}"
