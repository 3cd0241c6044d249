"""`jobfile next`: when a job, or a cron expression, fires next; or all jobs, in order of time."""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

import click

from engine.answers.agenda import agenda, agenda_to_json, agenda_to_text
from engine.answers.choice import Choice, Labels
from engine.answers.presence import Presence
from engine.answers.starts import starts_of
from engine.answers.upcoming import fires_to_json, fires_to_text, next_fires, obstacles_to_text
from engine.asking.choosing import refuse_choice_of_one, refuse_unknown
from engine.asking.naming import unknown_job
from engine.asking.place import Place
from engine.asking.times import parse_coming
from engine.cli.exit_codes import GOOD
from engine.cli.expressions import entry_of, zone_named
from engine.cli.filters import choice_options
from engine.cli.in_force import catalog_in_force
from engine.cli.output import print_json, row_width, width
from engine.cli.place import json_option, place_options
from engine.core.errors import UnreadableFileError
from engine.core.records import Pause
from engine.service.presence import presence_at
from engine.sources.folder import FolderTree
from jobfile.model.catalog import Catalog
from jobfile.model.jobs import JobSpec
from jobfile.pipeline import compile_files
from jobfile.schedule.duration import parse_duration

FIRES_OF_ONE, FIRES_OF_ALL, FIRES_UNTIL = 5, 20, 1_000
"""How many fires are shown without --limit: of one schedule, of all jobs, and with --until."""


class Asked(NamedTuple):
    """The options about which fires to show."""

    start: str | None
    end: str | None
    limit: int | None

    def since(self, zone: ZoneInfo, now: datetime) -> datetime:
        """The start of the time."""
        return parse_coming(self.start, zone, now=now) if self.start else now

    def until(self, zone: ZoneInfo, since: datetime) -> datetime | None:
        """The end of the time; None for no end."""
        end = parse_coming(self.end, zone, now=since) if self.end else None
        if end is not None and end <= since:
            raise click.UsageError("--from must be before --until")
        return end

    def most(self, otherwise: int) -> int:
        """The maximum number of fires."""
        return self.limit or (FIRES_UNTIL if self.end else otherwise)


@click.command("next")
@click.argument("what", metavar="[JOB or EXPR]", required=False)
@click.option("--timezone", "zone_name", metavar="ZONE", help="Time zone of EXPR [default: UTC].")
@click.option("--from", "--now", "start", metavar="TIME", help="Start at this time [default: now].")
@click.option("--until", "end", metavar="TIME", help="End at this time: 6h, 18:00, tomorrow.")
@click.option(
    "--limit", type=click.IntRange(1, 10_000), help="Maximum number of fires [default: 5, of all jobs 20]."
)
@choice_options
@json_option
@place_options
def command(
    what: str | None,
    zone_name: str | None,
    start: str | None,
    end: str | None,
    limit: int | None,
    *,
    choice: Choice,
    as_json: bool,
    place: Place,
) -> int:
    """The next fires of JOB, of a cron EXPR in quotes or of a period (10m); or of all jobs, in order of time.

    While the job files have errors, the jobs in force are used. A note says if a job is paused, or no engine
    is running. --from also takes a length from now (6h), and --until a length from the start. A time without
    a zone is in the zone of JOB or EXPR, or else in UTC.
    """
    asked = Asked(start, end, limit)
    refuse_choice_of_one(what, choice)
    if what is not None and (" " in what.strip() or what.startswith("@") or parse_duration(what)):
        return _of_expression(what, zone_named(zone_name), asked, place, as_json=as_json)
    catalog = _catalog(place, () if what is None else (what,))
    if what is None:
        return _of_all(catalog, choice, zone_named(zone_name), asked, place, as_json=as_json)
    job = catalog.job(what)
    if job is None:
        raise unknown_job(what, f"in {place.main_file}", known=catalog.names)
    return _of_job(job.spec, asked, place, as_json=as_json)


def _of_expression(text: str, zone: ZoneInfo, asked: Asked, place: Place, *, as_json: bool) -> int:
    since = asked.since(zone, place.now())
    entries = (entry_of(text, zone.key),)
    limit, until = asked.most(FIRES_OF_ONE), asked.until(zone, since)
    found = next_fires(text, entries, limit, now=since, until=until, is_job=False)
    if as_json:
        print_json(fires_to_json(found))
    else:
        click.echo(fires_to_text(found, width=width()))
    return GOOD


def _of_job(spec: JobSpec, asked: Asked, place: Place, *, as_json: bool) -> int:
    zone = zone_named(spec.timezone)
    since = asked.since(zone, place.now())
    limit, until = asked.most(FIRES_OF_ONE), asked.until(zone, since)
    entries = spec.schedule if spec.enabled else ()
    starts = starts_of(spec) if spec.enabled else ()
    found = next_fires(spec.name, entries, limit, now=since, until=until, is_job=True, starts=starts)
    pauses, presence = _obstacles(place, (spec.name,), since)
    if as_json:
        print_json(fires_to_json(found, pauses=pauses, obstacle=obstacles_to_text((), presence, zone=zone)))
        return GOOD
    click.echo(fires_to_text(found, width=width()))
    _print_obstacles(pauses, presence, spec.timezone, place.now())
    return GOOD


def _of_all(
    catalog: Catalog, choice: Choice, zone: ZoneInfo, asked: Asked, place: Place, *, as_json: bool
) -> int:
    since = asked.since(zone, place.now())
    refuse_unknown(choice, (Labels.of(one.spec) for one in catalog.jobs))
    specs = [one.spec for one in catalog.jobs if one.spec.enabled and choice.fits(Labels.of(one.spec))]
    schedules = {spec.name: spec.schedule for spec in specs}
    pauses, presence = _obstacles(place, tuple(schedules), since)
    limit, until = asked.most(FIRES_OF_ALL), asked.until(zone, since)
    starts = {spec.name: words for spec in specs if (words := starts_of(spec))}
    found = agenda(schedules, since=since, until=until, limit=limit, pauses=pauses, starts=starts)
    if as_json:
        print_json(agenda_to_json(found, obstacle=obstacles_to_text((), presence, zone=UTC)))
        return GOOD
    click.echo(agenda_to_text(found, width=row_width()))
    zones = {spec.name: spec.timezone for spec in specs}
    for pause in pauses:
        _print_obstacles((pause,), None, zones[pause.job], place.now())
    _print_obstacles((), presence, "UTC", place.now())
    return GOOD


def _catalog(place: Place, jobs: Collection[str]) -> Catalog:
    """The jobs of the files; those in force when the files have errors.

    When nothing is in force, or these jobs are not, prints the errors and raises.
    """
    snapshot = FolderTree(place.main_file).snapshot()
    if snapshot.problem:
        raise UnreadableFileError(
            f"{snapshot.problem}; name the job file with -f, or give an expression in quotes"
        )
    compiled = compile_files(snapshot.files, outside=snapshot.outside)
    return compiled.catalog or catalog_in_force(compiled, place, jobs=jobs)


def _obstacles(place: Place, jobs: Sequence[str], since: datetime) -> tuple[list[Pause], Presence | None]:
    """The pauses of these jobs, and whether an engine is running; without a ledger, nothing is known."""
    view, now = place.view_if_any(), place.now()
    if view is None:
        return [], None
    found = view.pauses_between(None, since=min(since, now), until=now)
    return [one for one in found if one.job in jobs], presence_at(place.config, view, now=now)


def _print_obstacles(pauses: Sequence[Pause], presence: Presence | None, zone: str, now: datetime) -> None:
    """Print why the next runs may not start, with times in this zone."""
    holding = [one for one in pauses if one.holds_at(now)]
    text = obstacles_to_text(holding, presence, zone=zone_named(zone))
    if text:
        click.echo(text)
