"""`jobfile explain-schedule`: what an expression means, in words and in dates."""

import click

from engine.cli.exit_codes import GOOD
from engine.cli.fires import (
    effects_line,
    effects_of,
    entry_of,
    fires_of,
    kind_of,
    print_fires,
    zone_named,
)
from engine.cli.output import print_json, width
from engine.cli.place import Place, json_option, place_options
from engine.cli.times import parse_instant
from engine.core.columns import cut
from jobfile.model.jobs import CronEntry, DayRule, ScheduleEntry
from jobfile.schedule.cron import CronExpression, parse_cron
from jobfile.schedule.in_words import describe


@click.command("explain-schedule")
@click.argument("expression")
@click.option("--timezone", "zone_name", metavar="ZONE", help="Its zone [default: UTC].")
@click.option(
    "--days",
    type=click.Choice(["either", "both"]),
    help="How day of month and day of week combine [default: as cron does].",
)
@click.option("--now", "start", metavar="TIME", help="Look from then on [default: now].")
@click.option("--count", type=click.IntRange(1, 10_000), default=5, show_default=True, help="How many fires.")
@json_option
@place_options
def command(
    expression: str,
    zone_name: str | None,
    days: str | None,
    start: str | None,
    count: int,
    *,
    as_json: bool,
    place: Place,
) -> int:
    """What EXPRESSION means: a cron expression in quotes, an alias (@daily) or a period (10m).

    In words, the next fires in local time and UTC, and the days of the year to come on which a clock
    change touches them. Reads no file.
    """
    zone = zone_named(zone_name)
    now = parse_instant(start, zone, now=place.now()) if start else place.now()
    entry = entry_of(expression, zone.key, DayRule(days) if days else DayRule.CRON)
    rows = fires_of((entry,), count, now=now)
    if as_json:
        print_json(
            {
                "format": 1,
                "now": now.isoformat(),
                "words": describe(entry),
                "kind": kind_of(entry),
                "fires": rows,
                "effects": [
                    {
                        "date": one.date.isoformat(),
                        "kind": "gap" if one.is_gap else "fold",
                        "times": one.times,
                    }
                    for one in effects_of((entry,), now=now)
                ],
            }
        )
        return GOOD
    print_fires(expression, (entry,), rows, now=now, has_head=False)
    if len(rows) < count:
        click.echo("  none after that" if rows else "  none from now on")
    click.echo(cut(effects_line((entry,), now=now), width()))
    if days is None and _has_two_day_fields(entry):
        click.echo(
            "Both day fields are restricted: cron fires on either. In a job file say which is meant, with\n"
            "  days: either   or, for days that match both,   days: both"
        )
    return GOOD


def _has_two_day_fields(entry: ScheduleEntry) -> bool:
    if not isinstance(entry, CronEntry):
        return False
    parsed = parse_cron(entry.cron, days=DayRule.CRON)
    return isinstance(parsed, CronExpression) and parsed.restricts_both_days
