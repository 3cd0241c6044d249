"""`jobfile simulate`: a month of the jobs in a second, under a virtual clock."""

from collections.abc import Callable, Sequence
from datetime import datetime

import click

from engine.actions.unsupported import beyond_engine
from engine.asking.place import Place
from engine.asking.simulate import catalog_of, setting_of, specs_of
from engine.asking.simulating import MAX_DAYS, Options
from engine.cli.exit_codes import GOOD
from engine.cli.output import print_json, width
from engine.cli.place import json_option, place_options
from engine.host.given_files import write_output
from engine.simulation.comparing import compare_to_json, compare_to_text
from engine.simulation.core import simulate
from engine.simulation.drawing import Days, draw
from engine.simulation.printing import EventLines, outcome_to_json, outcome_to_text
from engine.simulation.subject import Setting, SimRun
from engine.sources.folder import FolderTree
from engine.sources.git_revisions import snapshot_at


@click.command("simulate")
@click.option("--from", "start", metavar="TIME", help="Start of the time [default: today 00:00, UTC].")
@click.option(
    "--days", type=click.IntRange(1, MAX_DAYS), default=31, show_default=True, help="Number of days."
)
@click.option(
    "--down", multiple=True, metavar="TIME/LENGTH", help="A time without an engine: 2026-03-10T01:00Z/6h."
)
@click.option(
    "--assume",
    multiple=True,
    metavar="[JOB[.STEP]=]LENGTH",
    help="Length of runs or steps [default: 1m, at most half of the timeout].",
)
@click.option(
    "--durations",
    default="p50",
    metavar="p50|p95|FILE",
    help="Percentile of past durations, or a file with lines JOB: 5m [default: p50].",
)
@click.option(
    "--fail", multiple=True, metavar="[JOB[.STEP]=]CHANCE", help="Chance that an attempt fails: JOB=0.1."
)
@click.option("--seed", type=int, default=1, show_default=True, help="Seed of the random numbers.")
@click.option("--event", "events", metavar="FILE", help="Events that start runs, one JSON object a line.")
@click.option("--compare", metavar="REV", help="Compare with the files of this revision.")
@click.option("--csv", "csv_file", metavar="FILE", help="Write every event as CSV.")
@click.option("--svg", "svg_file", metavar="FILE", help="Draw the timeline as SVG.")
@json_option
@place_options
def command(  # noqa: PLR0917  click hands over the options by name
    start: str | None,
    days: int,
    down: Sequence[str],
    assume: Sequence[str],
    durations: str,
    fail: Sequence[str],
    seed: int,
    events: str | None,
    compare: str | None,
    csv_file: str | None,
    svg_file: str | None,
    *,
    as_json: bool,
    place: Place,
) -> int:
    """What the jobs would do: runs, skips, waits, retries, load. Starts nothing and does not wait.

    The engine's own rules decide what is due, skipped, retried or run late. The length of a job's runs is
    that of --assume JOB=, else of its past runs in the ledger, else of --assume. The same input gives the
    same output.
    """
    options = Options(
        start=start,
        days=days,
        down=down,
        assume=assume,
        durations=durations,
        fail=fail,
        events=events,
        seed=seed,
    )
    catalog = catalog_of(FolderTree(place.main_file).snapshot())
    jobs, beyond = specs_of(catalog), beyond_engine(catalog)
    now = place.now()
    setting = setting_of(options, jobs, place, now=now)
    if compare is not None:
        return _compare(setting, options, place, compare, now=now, as_json=as_json)
    by_day, lines = Days(), EventLines()
    receivers = [one for one, wanted in ((by_day.on_event, svg_file), (lines.on_event, csv_file)) if wanted]
    outcome = simulate(setting, _all(receivers))
    if csv_file:
        write_output(csv_file, lines.text)
    if svg_file:
        write_output(svg_file, draw(outcome, setting, by_day))
    if as_json:
        print_json(outcome_to_json(outcome, setting, beyond))
    else:
        click.echo(outcome_to_text(outcome, setting, beyond, width=width()))
    return GOOD


def _compare(
    setting: Setting, options: Options, place: Place, revision: str, *, now: datetime, as_json: bool
) -> int:
    catalog = catalog_of(snapshot_at(place.main_file, revision))
    jobs = specs_of(catalog)
    before_setting = setting_of(options, jobs, place, now=now)
    before, after = simulate(before_setting), simulate(setting)
    if as_json:
        print_json(compare_to_json(before, before_setting, after, setting))
        return GOOD
    text = compare_to_text(before, before_setting, after, setting, revision=revision, width=width())
    click.echo(text)
    return GOOD


def _all(
    receivers: Sequence[Callable[[datetime, str, SimRun], None]],
) -> Callable[[datetime, str, SimRun], None] | None:
    if not receivers:
        return None

    def on_event(at: datetime, what: str, run: SimRun) -> None:
        for one in receivers:
            one(at, what, run)

    return on_event
