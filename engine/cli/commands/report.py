"""`jobfile report`: everything expected in a window, and the results."""

from datetime import datetime, timedelta

import click

from engine.answers.report import make_report, report_to_json
from engine.answers.report_text import report_to_text
from engine.cli.exit_codes import BUG, GOOD, NOT_WELL
from engine.cli.output import print_json, width
from engine.cli.place import Place, json_option, place_options
from engine.cli.times import parse_instant
from engine.service.presence import presence_at
from jobfile.schedule.occurrences import load_zone

DEFAULT_WINDOW = timedelta(hours=24)


@click.command("report")
@click.option("--since", metavar="TIME", help="Start of the window: a time, a day, or 7d ago [default: 24h].")
@click.option("--until", metavar="TIME", help="End of the window [default: now].")
@json_option
@place_options
def command(since: str | None, until: str | None, *, as_json: bool, place: Place) -> int:
    """Expected runs, and how many of them succeeded, failed, were skipped, missed, lost, or are open.

    Each instant counts once: a run that did not succeed, but whose manual retry did, is fixed by hand. A run
    is overdue when it was due and nothing has started it: no engine is running, or starts are on hold.

    Exit code: 0 all is well; 1 something failed, timed out, was missed or lost, is overdue, or ended and no
    engine has recorded it; 70 the sum does not add up. Times are read and shown in UTC unless they name
    another zone.
    """
    view, now = place.view(), place.now()
    start, end = _window(since, until, now=now)
    report = make_report(
        view, since=start, until=end, now=now, presence=presence_at(place.config, view, now=now)
    )
    if as_json:
        print_json(report_to_json(report))
    else:
        click.echo(report_to_text(report, width=width()))
    if report.wrong:
        click.echo(f"the sum does not add up for {', '.join(report.wrong)}: please report this", err=True)
        return BUG
    return GOOD if report.is_well else NOT_WELL


def _window(since: str | None, until: str | None, *, now: datetime) -> tuple[datetime, datetime]:
    """The window of the options, as [since, until)."""
    utc = load_zone("UTC")
    assert utc is not None
    end = parse_instant(until, utc, now=now) if until else now + timedelta(microseconds=1)
    start = parse_instant(since, utc, now=now) if since else min(end, now) - DEFAULT_WINDOW
    if start >= end:
        raise click.UsageError("--since must be before --until")
    return start, end
