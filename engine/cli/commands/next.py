"""`jobfile next`: when a job, or a cron expression, fires next."""

from collections.abc import Collection, Sequence
from datetime import UTC, tzinfo

import click

from engine.answers.upcoming import (
    Fires,
    all_fires_to_json,
    all_fires_to_text,
    fires_to_json,
    fires_to_text,
    next_fires,
    obstacles_to_text,
)
from engine.cli.exit_codes import GOOD, NOT_WELL
from engine.cli.expressions import entry_of, zone_named
from engine.cli.in_force import catalog_in_force
from engine.cli.output import print_json, width
from engine.cli.place import Place, UnknownJobError, json_option, place_options
from engine.cli.times import parse_instant
from engine.core.errors import JobfileError
from engine.service.presence import presence_at
from engine.sources.folder import FolderTree
from engine.transactions.pause import holding
from jobfile.diagnostics.suggest import suggest
from jobfile.model.catalog import Catalog
from jobfile.pipeline import compile_files
from jobfile.schedule.duration import parse_duration


@click.command("next")
@click.argument("what", metavar="JOB or EXPR", required=False)
@click.option("--timezone", "zone_name", metavar="ZONE", help="Time zone of EXPR [default: UTC].")
@click.option("--now", "start", metavar="TIME", help="Start at this time [default: now].")
@click.option(
    "--count", type=click.IntRange(1, 10_000), default=5, show_default=True, help="Number of fires."
)
@json_option
@place_options
def command(
    what: str | None, zone_name: str | None, start: str | None, count: int, *, as_json: bool, place: Place
) -> int:
    """The next fires of JOB, of a cron EXPR in quotes, of a period (10m), or of all jobs.

    A note below the fires says when a job is paused, or no engine is running. While the job files have
    errors, the jobs in force are shown, if there are any.
    """
    zone = zone_named(zone_name)
    now = parse_instant(start, zone, now=place.now()) if start else place.now()
    if what is not None and (" " in what.strip() or what.startswith("@") or parse_duration(what)):
        return _print(
            next_fires(what, (entry_of(what, zone.key),), count, now=now, is_job=False), as_json=as_json
        )
    catalog = _catalog(place, () if what is None else (what,))
    if catalog is None:
        return NOT_WELL
    schedules = {one.spec.name: one.spec.schedule for one in catalog.jobs if one.spec.enabled}
    if what is None:
        found = [next_fires(*one, count, now=now, is_job=True) for one in schedules.items()]
        if as_json:
            print_json(all_fires_to_json(found, now=now))
        elif found:
            click.echo(all_fires_to_text(found))
        return GOOD if as_json else _print_obstacles(place, tuple(schedules), UTC)
    job = catalog.job(what)
    if job is None:
        near = suggest(what, catalog.names)
        hint = f"; did you mean {' or '.join(near)}?" if near else ""
        raise UnknownJobError(f"no job `{what}` in {place.main_file}{hint}")
    _print(next_fires(what, schedules.get(what, ()), count, now=now, is_job=True), as_json=as_json)
    return GOOD if as_json else _print_obstacles(place, (what,), zone_named(job.spec.timezone))


def _catalog(place: Place, jobs: Collection[str]) -> Catalog | None:
    """The jobs of the files; those in force when the files have errors.

    None when nothing is in force, or these jobs are not; then the errors are printed.
    """
    snapshot = FolderTree(place.main_file).snapshot()
    if snapshot.problem:
        raise JobfileError(f"{snapshot.problem}; name the job file with -f, or give an expression in quotes")
    compiled = compile_files(snapshot.files, outside=snapshot.outside)
    return compiled.catalog or catalog_in_force(compiled, place, jobs=jobs)


def _print(found: Fires, *, as_json: bool) -> int:
    if as_json:
        print_json(fires_to_json(found))
    else:
        click.echo(fires_to_text(found, width=width()))
    return GOOD


def _print_obstacles(place: Place, jobs: Sequence[str], zone: tzinfo) -> int:
    """Print why the next runs may not start."""
    view = place.view_if_any()
    if view is None:
        return GOOD
    pauses = [one for one in holding(view, place.now()) if one.job in jobs]
    text = obstacles_to_text(pauses, presence_at(place.config, view, now=place.now()), zone=zone)
    if text:
        click.echo(text)
    return GOOD
