"""`jobfile next`: when a job, or a cron expression, fires next."""

from collections.abc import Sequence
from datetime import UTC, datetime, tzinfo

import click

from engine.cli.exit_codes import GOOD, NOT_WELL
from engine.cli.findings import print_errors
from engine.cli.fires import effects_line, entry_of, fires_of, print_fires, zone_named
from engine.cli.output import print_json, width
from engine.cli.place import Place, UnknownJobError, json_option, place_options
from engine.cli.presence import presence_at
from engine.cli.times import parse_instant
from engine.core.columns import cut
from engine.core.errors import JobfileError
from engine.core.vocabulary import instant_text
from engine.sources.folder import FolderTree
from engine.transactions.pause import holding
from jobfile.diagnostics.escapes import printable
from jobfile.diagnostics.suggest import suggest
from jobfile.model.jobs import ScheduleEntry
from jobfile.pipeline import compile_files
from jobfile.schedule.duration import parse_duration


@click.command("next")
@click.argument("what", metavar="JOB or EXPR", required=False)
@click.option("--timezone", "zone_name", metavar="ZONE", help="The zone of EXPR [default: UTC].")
@click.option("--now", "start", metavar="TIME", help="Look from then on [default: now].")
@click.option("--count", type=click.IntRange(1, 10_000), default=5, show_default=True, help="How many fires.")
@json_option
@place_options
def command(
    what: str | None, zone_name: str | None, start: str | None, count: int, *, as_json: bool, place: Place
) -> int:
    """The next fires of JOB, of a cron EXPR in quotes, of a period (10m), or of all jobs.

    A job that is paused, and an engine that is not running, are told below the fires.
    """
    zone = zone_named(zone_name)
    now = parse_instant(start, zone, now=place.now()) if start else place.now()
    if what is not None and (" " in what.strip() or what.startswith("@") or parse_duration(what)):
        entry = entry_of(what, zone.key)
        return _print({what: (entry,)}, count, now=now, as_json=as_json, is_job=False)
    snapshot = FolderTree(place.main_file).snapshot()
    if snapshot.problem:
        raise JobfileError(f"{snapshot.problem}; name the job file with -f, or give an expression in quotes")
    compiled = compile_files(snapshot.files, outside=snapshot.outside)
    if compiled.catalog is None:
        print_errors(compiled)
        return NOT_WELL
    schedules = {one.spec.name: one.spec.schedule for one in compiled.catalog.jobs if one.spec.enabled}
    if what is None:
        _print(schedules, count, now=now, as_json=as_json, is_all=True)
        return GOOD if as_json else _print_notes(place, tuple(schedules), UTC)
    if compiled.catalog.job(what) is None:
        near = suggest(what, compiled.catalog.names)
        hint = f"; did you mean {' or '.join(near)}?" if near else ""
        raise UnknownJobError(f"no job `{what}` in {place.main_file}{hint}")
    _print({what: schedules.get(what, ())}, count, now=now, as_json=as_json)
    job = compiled.catalog.job(what)
    return GOOD if as_json or job is None else _print_notes(place, (what,), zone_named(job.spec.timezone))


def _print_notes(place: Place, jobs: Sequence[str], zone: tzinfo) -> int:
    """Why what is due next may not run: the job is paused, or nothing starts runs now."""
    view = place.view_if_any()
    if view is None:
        return GOOD
    for pause in holding(view, place.now()):
        if pause.job in jobs:
            until = f" until {instant_text(pause.until, zone)}" if pause.until else ""
            why = f": {pause.reason}" if pause.reason else ""
            click.echo(printable(f"{pause.job} is paused by {pause.actor}{until}{why}"))
    presence = presence_at(place, view)
    if presence.since is not None or presence.trouble:
        click.echo(printable(f"nothing starts now: {presence.obstacle(zone)}"))
    return GOOD


def _print(
    schedules: dict[str, tuple[ScheduleEntry, ...]],
    count: int,
    *,
    now: datetime,
    as_json: bool,
    is_all: bool = False,
    is_job: bool = True,
) -> int:
    found = {name: fires_of(entries, count, now=now) for name, entries in schedules.items()}
    if as_json:
        if not is_all:
            print_json({"format": 1, "now": now.isoformat(), "fires": next(iter(found.values()))})
        else:
            jobs = [{"job": name, "fires": rows} for name, rows in found.items()]
            print_json({"format": 1, "now": now.isoformat(), "jobs": jobs})
        return GOOD
    for index, (name, rows) in enumerate(found.items()):
        if index:
            click.echo()
        print_fires(name, schedules[name], rows, now=now, has_head=is_all, job=name if is_job else None)
        if schedules[name] and len(rows) < count:
            click.echo("  none after that" if rows else "  none from now on")
        if rows and not is_all:
            click.echo(cut(effects_line(schedules[name], now=now), width()))
    return GOOD
