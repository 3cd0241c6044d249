"""`jobfile report`: everything expected in a window, and the results."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

import click

from engine.answers.choice import Choice
from engine.answers.days import DAY, midnight_of
from engine.answers.report import Parts, Report, day_rows, make_report
from engine.answers.report_json import report_to_json
from engine.answers.report_text import report_to_text, wrong_words
from engine.cli.axes import jobs_with_axes, matrix_option, refuse_unknown_axes, split_axes
from engine.cli.exit_codes import BUG, GOOD, NOT_WELL
from engine.cli.filters import Window, choice_options, chosen_jobs, refuse_choice_of_one, window_of
from engine.cli.naming import job_named
from engine.cli.output import print_json, print_text, row_width, style_of
from engine.cli.place import Place, place_options
from engine.cli.times import parse_days
from engine.ledger.ports import View
from engine.service.presence import presence_at
from jobfile.schedule.zones import load_zone

DEFAULT_WINDOW = timedelta(hours=24)
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
    if day and (since or until):
        raise click.UsageError(f"--on and {'--since' if since else '--until'} both say when; remove one")
    refuse_choice_of_one(jobs[0] if jobs else None, choice)
    asked = _asked(jobs, split_axes(axes), choice, place)
    window = _day_window(day, asked) if day else _window(since, until, asked)
    report = make_report(
        asked.view,
        since=window.since,
        until=window.until,
        now=asked.now,
        presence=presence_at(place.config, asked.view, now=asked.now),
        jobs=asked.jobs,
        matrix=asked.matrix,
        zone=asked.zone or UTC,
        parts=FORMATS[form]._replace(before=compares),
    )
    _print(report, form, asked)
    if report.wrong:
        click.echo(f"{wrong_words(report)}: a bug, please report it", err=True)
        return BUG
    return GOOD if report.is_well else NOT_WELL


class _Asked(NamedTuple):
    """What the report is about, but for its time."""

    view: View
    now: datetime
    jobs: frozenset[str] | None
    matrix: Mapping[str, str]
    zone: ZoneInfo | None


def _asked(names: tuple[str, ...], matrix: Mapping[str, str], choice: Choice, place: Place) -> _Asked:
    named = [job_named(place, name) for name in dict.fromkeys(names)]
    view = named[0].view if named else place.view()
    for one in named:
        refuse_unknown_axes(view, one.job, matrix)
    jobs = frozenset(one.job for one in named) if named else chosen_jobs(view, choice)
    if matrix and not named:
        jobs = jobs_with_axes(view, matrix, jobs)
    return _Asked(view, place.now(), jobs, matrix, named[0].zone if len(named) == 1 else None)


def _window(since: str | None, until: str | None, asked: _Asked) -> Window:
    return window_of(since, until, asked.zone, now=asked.now, default=DEFAULT_WINDOW)


def _day_window(day: str, asked: _Asked) -> Window:
    """The window of --on: the days that it names."""
    zone = asked.zone or load_zone("UTC")
    assert zone is not None
    days = parse_days(day, zone, now=asked.now)
    return Window(midnight_of(days.first, zone), midnight_of(days.last + DAY, zone))


def _print(report: Report, form: str, asked: _Asked) -> None:
    """Print the report. Only the module of this form is imported."""
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
            for lines in _csv_lines(report, asked):
                click.echo(lines.encode(), nl=False)  # bytes: in a text, CR LF would be made harmless
        case _:
            style = style_of()
            print_text(report_to_text(report, width=row_width(), style=style), style)


def _csv_lines(report: Report, asked: _Asked) -> Iterator[str]:
    from engine.answers.report_csv import BEFORE, NOW, days_to_csv, header_to_csv  # noqa: PLC0415  start-up time

    yield header_to_csv()
    for period, of_period in ((NOW, report), (BEFORE, report.before)):
        if of_period is not None:
            days = day_rows(asked.view, of_period, now=asked.now, matrix=asked.matrix)
            yield from days_to_csv(days, period=period)
