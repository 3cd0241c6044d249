"""`jobfile next`: when a job, or a cron expression, fires next; or all jobs, in order of time."""

import click

from engine.answers.agenda import next_to_json, next_to_text
from engine.answers.choice import Choice
from engine.asking.next import Asked, ask_next
from engine.asking.place import Place
from engine.cli.exit_codes import GOOD
from engine.cli.filters import choice_options
from engine.cli.output import print_json, row_width, width
from engine.cli.place import json_option, place_options


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
    else:
        click.echo(next_to_text(found, width=width(), row_width=row_width(), now=place.now()))
    return GOOD
