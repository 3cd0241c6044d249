"""`jobfile report`: everything expected in a window, and the results."""

import click

from engine.answers.choice import Choice
from engine.answers.report import report_to_json
from engine.answers.report_text import report_to_text
from engine.asking.place import Place
from engine.asking.report import ask_report
from engine.cli.exit_codes import BUG, GOOD, NOT_WELL
from engine.cli.filters import choice_options
from engine.cli.output import print_json, print_text, row_width, style_of
from engine.cli.place import json_option, place_options


@click.command("report")
@click.argument("job", metavar="[JOB]", required=False)
@click.option("--since", metavar="TIME", help="Start of the window: a time, a day, or 7d ago [default: 24h].")
@click.option("--until", metavar="TIME", help="End of the window [default: now].")
@choice_options
@json_option
@place_options
def command(
    job: str | None, since: str | None, until: str | None, *, choice: Choice, as_json: bool, place: Place
) -> int:
    """Expected runs, of JOB or of all, and how many succeeded, failed, were skipped or missed, or are open.

    Each instant counts once: a run that did not succeed, but whose manual retry did, is fixed by hand. A run
    is overdue when it was due and nothing has started it: no engine is running, or starts are on hold.

    Times are read and shown in the zone of JOB, or in UTC.
    """
    report = ask_report(place, job, since, until, choice)
    if as_json:
        print_json(report_to_json(report))
    else:
        style = style_of()
        print_text(report_to_text(report, width=row_width(), style=style), style)
    if report.wrong:
        click.echo(
            f"the counts do not add up for {', '.join(report.wrong)}: a bug, please report it", err=True
        )
        return BUG
    return GOOD if report.is_well else NOT_WELL
