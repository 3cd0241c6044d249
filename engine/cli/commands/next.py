"""`jobfile next`: when a job, or a cron expression, fires next; or all jobs, in order of time."""

from collections.abc import Sequence
from datetime import datetime

import click

from engine.answers.agenda import Agenda, agenda_to_text, next_to_json
from engine.answers.choice import Choice
from engine.answers.presence import Presence
from engine.answers.upcoming import fires_to_text, obstacles_to_text
from engine.asking.expressions import zone_named
from engine.asking.next import Asked, ask_next
from engine.asking.place import Place
from engine.cli.exit_codes import GOOD
from engine.cli.filters import choice_options
from engine.cli.output import print_json, row_width, width
from engine.cli.place import json_option, place_options
from engine.core.records import Pause


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
    found = ask_next(place, what, Asked(start, end, limit, zone_name), choice)
    if as_json:
        print_json(next_to_json(found))
    elif isinstance(found.fires, Agenda):
        click.echo(agenda_to_text(found.fires, width=row_width()))
        for pause in found.pauses:
            _print_obstacles((pause,), None, found.zones[pause.job], place.now())
        _print_obstacles((), found.presence, "UTC", place.now())
    else:
        click.echo(fires_to_text(found.fires, width=width()))
        for zone in found.zones.values():
            _print_obstacles(found.pauses, found.presence, zone, place.now())
    return GOOD


def _print_obstacles(pauses: Sequence[Pause], presence: Presence | None, zone: str, now: datetime) -> None:
    """Print why the next runs may not start, with times in this zone."""
    holding = [one for one in pauses if one.holds_at(now)]
    text = obstacles_to_text(holding, presence, zone=zone_named(zone))
    if text:
        click.echo(text)
