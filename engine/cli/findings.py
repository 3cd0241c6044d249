"""Prints findings in job files: as text, as JSON, and for the services that show them."""

import contextlib
import sys
from collections.abc import Mapping, Sequence

import click

from engine.asking.expressions import NotAScheduleError
from engine.asking.findings import InvalidFilesError
from engine.cli.output import print_json, print_text, style_of, width
from engine.core.errors import JobfileError
from jobfile.diagnostics.diagnostic import Diagnostic, Severity, left_off_words, most_severe
from jobfile.diagnostics.source import Source
from jobfile.model.counts import many
from jobfile.render.redact import without_secrets
from jobfile.render.text import render_short, render_text, summary_line, to_json, to_json_line


def print_diagnostics(
    diagnostics: Sequence[Diagnostic],
    sources: Mapping[str, Source],
    *,
    form: str = "text",
    files: Sequence[str] = (),
    jobs: int | None = None,
) -> None:
    """Print findings in one of the forms; text ends with a line of counts if the number of jobs is known."""
    sources = without_secrets(diagnostics, sources)
    if form == "json":
        print_json(to_json(diagnostics, sources=sources, files=files))
    elif form == "jsonl":
        shown, left_off = most_severe(diagnostics)
        for one in shown:
            click.echo(to_json_line(one, sources=sources))
        if left_off:
            click.echo(left_off_words(left_off), err=True)
    elif form == "short":
        if text := render_short(diagnostics):
            click.echo(text.rstrip("\n"))
    elif form in ("github", "gitlab", "sarif"):
        from engine.cli.services import print_for_service  # noqa: PLC0415  start-up time: only when needed

        print_for_service(diagnostics, sources, form=form, files=files, jobs=jobs)
    else:
        style = style_of()
        text = render_text(diagnostics, sources=sources, style=style, width=width())
        if text:
            print_text(text.rstrip("\n"), style)
        if jobs is not None:
            line = summary_line(diagnostics, files=len(files), jobs=jobs)
            click.echo(f"\n{line}" if text else line)


def print_beside(diagnostics: Sequence[Diagnostic], sources: Mapping[str, Source]) -> None:
    """Print findings that are not the answer itself: on standard error if the answer is JSON."""
    as_json = click.get_current_context().params.get("as_json", False)
    with contextlib.redirect_stdout(sys.stderr) if as_json else contextlib.nullcontext():
        print_diagnostics(diagnostics, sources)


def print_mistake(error: NotAScheduleError) -> None:
    """Print a mistake on the command line as one in a file, on standard error."""
    with contextlib.redirect_stdout(sys.stderr):
        print_diagnostics([error.mistake], {error.source.name: error.source})


def print_invalid(error: InvalidFilesError) -> None:
    """Print the errors of files, and the number of their warnings."""
    found = error.looked.diagnostics
    print_beside([one for one in found if one.is_error], error.looked.sources)
    others = sum(one.suppressed is None and one.severity is Severity.WARNING for one in found)
    if others:
        click.echo(f"and {many(others, 'warning')}; to see them:  jobfile check", err=True)


def print_report(error: JobfileError) -> None:
    """Print what an error was found in, if that is a file or an expression."""
    if isinstance(error, InvalidFilesError):
        print_invalid(error)
    elif isinstance(error, NotAScheduleError):
        print_mistake(error)
