"""`jobfile report`: everything expected in a window, and the results."""

from collections.abc import Iterator
from typing import Final

import click

from engine.answers.choice import Choice
from engine.answers.report import Parts
from engine.answers.report_json import report_to_json
from engine.answers.report_text import report_to_text, wrong_words
from engine.asking.axes import split_axes
from engine.asking.place import Place
from engine.asking.report import Reported, Wanted, ask_report
from engine.cli.axes import matrix_option
from engine.cli.exit_codes import BUG, GOOD, NOT_WELL
from engine.cli.filters import choice_options
from engine.cli.output import print_json, print_text, row_width, style_of
from engine.cli.place import place_options

FORMATS: Final = {
    "text": Parts(),
    "json": Parts(),
    "markdown": Parts(problems=True),
    "junit": Parts(problems=True, measures=True),
    "html": Parts(problems=True, calendars=True),
    "csv": Parts(),
}
"""The forms, and what each shows besides the numbers."""


@click.command("report")
@click.argument("jobs", metavar="[JOB]...", nargs=-1)
@click.option("--since", metavar="TIME", help="Start of the window: a time, a day, or 7d ago [default: 24h].")
@click.option("--until", metavar="TIME", help="End of the window [default: now].")
@click.option(
    "--on", "day", metavar="DAY", help="This day, week, month or year: 2026-11-23, 2026-W47, 'last month'."
)
@click.option("--compare", "compares", is_flag=True, help="Compare with the period of equal length before.")
@matrix_option("Only combinations of the matrix with this value: --matrix region=eu. Repeatable.")
@click.option(
    "--format",
    "form",
    type=click.Choice(tuple(FORMATS)),
    default="text",
    show_default=True,
    help="Form of the report.",
)
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@choice_options
@place_options
def command(  # noqa: PLR0917  click hands over the options by name
    jobs: tuple[str, ...],
    since: str | None,
    until: str | None,
    day: str | None,
    axes: tuple[str, ...],
    form: str,
    *,
    compares: bool,
    as_json: bool,
    choice: Choice,
    place: Place,
) -> int:
    """Expected runs, of JOB or of all, and how many succeeded, failed, were skipped or missed, or are open.

    Each instant counts once: a run that did not succeed, but whose manual retry did, is fixed by hand. A run
    is overdue when it was due and nothing has started it: no engine is running, or starts are on hold.

    Times are read and shown in the zone of JOB, or with several jobs in UTC.
    """
    form = "json" if as_json else form
    if compares and form == "junit":
        raise click.UsageError("JUnit XML has no place for a second period; remove --compare")
    wanted = Wanted(jobs=jobs, choice=choice, matrix=split_axes(axes), since=since, until=until, day=day)
    found = ask_report(place, wanted, parts=FORMATS[form]._replace(before=compares))
    report = found.report
    _print(found, form)
    if report.wrong:
        click.echo(f"{wrong_words(report)}: a bug, please report it", err=True)
        return BUG
    return GOOD if report.is_well else NOT_WELL


def _print(found: Reported, form: str) -> None:
    """Print the report. Only the module of this form is imported."""
    report = found.report
    match form:
        case "json":
            print_json(report_to_json(report))
        case "markdown":
            from engine.answers.report_markdown import report_to_markdown  # noqa: PLC0415  start-up time

            click.echo(report_to_markdown(report), nl=False)
        case "junit":
            from engine.answers.report_junit import report_to_junit  # noqa: PLC0415  start-up time

            click.echo(report_to_junit(report), nl=False)
        case "html":
            from engine.answers.report_page import report_to_html  # noqa: PLC0415  start-up time

            click.echo(report_to_html(report), nl=False)
        case "csv":
            for lines in _csv_lines(found):
                click.echo(lines.encode(), nl=False)  # bytes: in a text, CR LF would be made harmless
        case _:
            style = style_of()
            print_text(report_to_text(report, width=row_width(), style=style), style)


def _csv_lines(found: Reported) -> Iterator[str]:
    from engine.answers.report_csv import BEFORE, NOW, days_to_csv, header_to_csv  # noqa: PLC0415  start-up time

    yield header_to_csv()
    for period, of_period in ((NOW, found.report), (BEFORE, found.report.before)):
        if of_period is not None:
            yield from days_to_csv(found.days(of_period), period=period)
