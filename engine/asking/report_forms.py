"""The forms of a report: text, JSON and files. Only the module of the requested form is imported."""

import json
from collections.abc import Iterator
from typing import Final

from engine.answers.report import Parts
from engine.asking.report import Reported
from jobfile.render.style import PLAIN, Style

FORMS: Final = {
    "text": Parts(),
    "json": Parts(),
    "markdown": Parts(problems=True),
    "junit": Parts(problems=True, measures=True),
    "html": Parts(problems=True, calendars=True),
    "csv": Parts(),
}
"""The forms, and what each shows besides the numbers."""


def parts_of(form: str, *, compares: bool) -> Parts:
    """What a report in this form shows."""
    return FORMS[form]._replace(before=compares)


def report_in(form: str, found: Reported, *, width: int | None, style: Style = PLAIN) -> Iterator[str]:
    """The report in a form, in parts, with the end of its last line."""
    report = found.report
    match form:
        case "json":
            from engine.answers.report_json import report_to_json  # noqa: PLC0415  start-up time

            yield f"{json.dumps(report_to_json(report), indent=2)}\n"
        case "markdown":
            from engine.answers.report_markdown import report_to_markdown  # noqa: PLC0415  start-up time

            yield report_to_markdown(report)
        case "junit":
            from engine.answers.report_junit import report_to_junit  # noqa: PLC0415  start-up time

            yield report_to_junit(report)
        case "html":
            from engine.answers.report_page import report_to_html  # noqa: PLC0415  start-up time

            yield report_to_html(report)
        case "csv":
            yield from _csv_lines(found)
        case _:
            from engine.answers.report_text import report_to_text  # noqa: PLC0415  start-up time

            yield f"{report_to_text(report, width=width, style=style)}\n"


def _csv_lines(found: Reported) -> Iterator[str]:
    from engine.answers.report_csv import BEFORE, NOW, days_to_csv, header_to_csv  # noqa: PLC0415  start-up time

    yield header_to_csv()
    for period, of_period in ((NOW, found.report), (BEFORE, found.report.before)):
        if of_period is not None:
            yield from days_to_csv(found.days(of_period), period=period)
