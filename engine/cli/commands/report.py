"""`jobfile report`: everything expected in a window, and the results."""

import click

from engine.answers.choice import Choice
from engine.answers.report_text import wrong_words
from engine.asking.axes import split_axes
from engine.asking.place import Place
from engine.asking.report import Wanted, ask_report
from engine.asking.report_forms import FORMS, parts_of, report_in
from engine.cli.axes import matrix_option
from engine.cli.exit_codes import BUG, GOOD, NOT_WELL
from engine.cli.filters import choice_options
from engine.cli.output import print_text, row_width, style_of
from engine.cli.place import place_options


@click.command("report")
@click.argument("jobs", metavar="[JOB]...", nargs=-1)
@click.option("--since", metavar="TIME", help="Start of the window: a time, a day, or 7d ago [default: 24h].")
@click.option("--until", metavar="TIME", help="End of the window [default: now].")
@click.option(
    "--on", "day", metavar="DAY", help="This day, week, month or year: 2026-11-23, 2026-W47, 'last month'."
)
@click.option(
    "--compare",
    "compares",
    is_flag=True,
    help="Compare with the period before: a month with the month before it.",
)
@matrix_option("Only combinations of the matrix with this value: --matrix region=eu. Repeatable.")
@click.option(
    "--format",
    "form",
    type=click.Choice(tuple(FORMS)),
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
    found = ask_report(place, wanted, parts=parts_of(form, compares=compares))
    report = found.report
    style = style_of()
    for part in report_in(form, found, width=row_width(), style=style):
        if form == "csv":
            click.echo(part.encode(), nl=False)  # bytes: in a text, CR LF would be made harmless
        else:
            print_text(part, style, nl=False)
    if report.wrong:
        click.echo(f"{wrong_words(report)}: a bug, please report it", err=True)
        return BUG
    return GOOD if report.is_well else NOT_WELL
