"""`jobfile explain-schedule`: what an expression means, in words and in dates."""

import click

from engine.answers.upcoming import explained_to_json, explained_to_text, next_fires
from engine.asking.expressions import entry_of, zone_named
from engine.asking.times import parse_instant
from engine.cli.exit_codes import GOOD
from engine.cli.output import print_json, width
from engine.cli.place import json_option
from engine.host.clock import SystemClock
from jobfile.model.jobs import DayRule


@click.command("explain-schedule")
@click.argument("expression")
@click.option(
    "--timezone", "zone_name", metavar="ZONE", help="Zone of EXPRESSION: Europe/Oslo [default: UTC]."
)
@click.option(
    "--days",
    type=click.Choice(["either", "both"]),
    help="If both day fields are restricted: fire on days that match either, or both "
    "[default: as cron does, either unless one begins with *].",
)
@click.option("--now", "start", metavar="TIME", help="Start at this time: 2026-11-28T18:04 [default: now].")
@click.option(
    "--limit", type=click.IntRange(1, 10_000), default=5, show_default=True, help="Maximum number of fires."
)
@json_option
def command(
    expression: str,
    zone_name: str | None,
    days: str | None,
    start: str | None,
    limit: int,
    *,
    as_json: bool,
) -> int:
    """What EXPRESSION means: a cron expression in quotes, an alias (@daily) or a period (10m).

    Shows it in words, its next fires in local time and UTC, and the days of the coming year on which a clock
    change affects them. Reads no file.
    """
    zone = zone_named(zone_name)
    clock = SystemClock().now()
    now = parse_instant(start, zone, now=clock) if start else clock
    entry = entry_of(expression, zone.key, DayRule(days) if days else DayRule.CRON)
    found = next_fires(expression, (entry,), limit, now=now, is_job=False)
    if as_json:
        print_json(explained_to_json(found))
    else:
        click.echo(explained_to_text(found, asks_days=days is None, width=width()))
    return GOOD
