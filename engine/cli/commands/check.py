"""`jobfile check`: find every mistake in job files."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from engine.adapters.reading import read_limited
from engine.cli.output import is_coloured, print_json, width
from engine.cli.place import Place, place_options
from jobfile.diagnostic import Diagnostic, Severity, arrange
from jobfile.pipeline import check_file
from jobfile.render import (
    render_short,
    render_text,
    summary_line,
    to_json,
    to_json_line,
)
from jobfile.render_ci import render_github
from jobfile.source import Source

INVALID = 1
UNREADABLE = 65
FORMATS = ("text", "json", "jsonl", "short", "github")


@click.command("check")
@click.argument("files", nargs=-1, metavar="[FILE]...")
@click.option(
    "--format", "form", type=click.Choice(FORMATS), default="text", show_default=True, help="How to print."
)
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@click.option("--strict", is_flag=True, help="Warnings are errors too.")
@click.option(
    "--level",
    type=click.Choice(["error", "warning", "info"]),
    default="warning",
    show_default=True,
    help="From here up.",
)
@place_options
def command(
    files: tuple[str, ...], form: str, *, as_json: bool, strict: bool, level: str, place: Place
) -> int:
    """Find every mistake in job FILEs, or in the main file. Starts nothing, reads no secret.

    Exit code: 0 good; 1 something is wrong; 65 a file cannot be read.
    """
    found: list[Diagnostic] = []
    sources: dict[str, Source] = {}
    names = files or (str(place.main_file),)
    unreadable, jobs = 0, 0
    for name in names:
        try:
            content = read_limited(Path(name))
        except OSError as error:
            hint = "" if files else "; make one with  jobfile init"
            click.echo(f"error: cannot read {name}: {error.strerror or error}{hint}", err=True)
            unreadable += 1
            continue
        checked = check_file(name, content)
        found += checked.diagnostics
        if checked.source is not None:
            sources[name] = checked.source
        if checked.document is not None and isinstance(checked.document.tree.get("jobs"), dict):
            jobs += len(checked.document.tree["jobs"])
    shown = [one for one in arrange(found, files=names) if _is_shown(one, level)]
    print_diagnostics(shown, sources, form="json" if as_json else form, files=names, jobs=jobs)
    if unreadable:
        return UNREADABLE
    is_bad = any(one.is_error or (strict and one.severity is Severity.WARNING) for one in shown)
    return INVALID if is_bad else 0


def print_diagnostics(
    diagnostics: Sequence[Diagnostic],
    sources: Mapping[str, Source],
    *,
    form: str = "text",
    files: Sequence[str] = (),
    jobs: int | None = None,
) -> None:
    """Print findings in one of the forms; the last line for people goes to standard error."""
    if form == "json":
        print_json(to_json(diagnostics, sources=sources, files=files))
    elif form == "jsonl":
        for one in diagnostics:
            click.echo(to_json_line(one, sources=sources))
    elif form == "short":
        _print_if_any(render_short(diagnostics))
    elif form == "github":
        _print_if_any(render_github(diagnostics))
    else:
        text = render_text(diagnostics, sources=sources, color=is_coloured(), width=width())
        _print_if_any(text)
        if jobs is not None:
            click.echo(summary_line(diagnostics, files=len(files), jobs=jobs), err=True)


def _print_if_any(text: str) -> None:
    if text:
        click.echo(text.rstrip("\n"))


def _is_shown(diagnostic: Diagnostic, level: str) -> bool:
    order = (Severity.ERROR, Severity.WARNING, Severity.INFO)
    return order.index(diagnostic.severity) <= order.index(Severity(level))
