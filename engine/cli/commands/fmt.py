"""`jobfile fmt`: format job files; comments are kept."""

from pathlib import Path

import click

from engine.answers.formatted import FileFormat, Outcome, formats_to_json
from engine.asking.place import Place
from engine.cli.exit_codes import GOOD, NOT_WELL, UNREADABLE
from engine.cli.findings import print_diagnostics
from engine.cli.output import print_json, print_text, style_of
from engine.cli.place import json_option, place_options
from engine.core.errors import UnreadableFileError
from engine.host.atomic_write import replace_file
from engine.sources.file_reader import read_job_files, read_limited
from jobfile.diagnostics.escapes import message, printable
from jobfile.fixing.format import Formatted, format_source
from jobfile.pipeline import read_file
from jobfile.syntax.document import decode_source

_MARK = b"\xef\xbb\xbf"
_MISTAKES = "it has mistakes"


@click.command("fmt")
@click.argument("files", nargs=-1, metavar="[FILE]...")
@click.option(
    "--check",
    "only_check",
    is_flag=True,
    help="Change nothing; exit with 1 and name the files that would change or have mistakes.",
)
@click.option(
    "--diff", "shows_diff", is_flag=True, help="Change nothing; print what would change, as a unified diff."
)
@json_option
@place_options
def command(
    files: tuple[str, ...], *, only_check: bool, shows_diff: bool, as_json: bool, place: Place
) -> int:
    """Format job FILEs, or the main file and what it includes: two columns for each level; comments are kept.

    The meaning of a file never changes: keys keep their order, texts and scripts stay as they are. A file
    that is not valid YAML is not changed.
    """
    found: list[FileFormat] = []
    code = GOOD
    contents = [_read(name) for name in files or _of_the_set(place)]
    unreadable = next((problem for _, _, problem in contents if problem), "")
    if unreadable and as_json:
        raise UnreadableFileError(unreadable)
    for name, content, problem in contents:
        if problem:
            click.echo(message(f"error: {problem}"), err=True)
            code = UNREADABLE
            continue
        one = _formatted(name, content, writes=not (only_check or shows_diff), checks=only_check)
        found.append(one)
        if not as_json:
            _print(one, shows_diff=shows_diff, only_check=only_check)
        is_well = one.outcome is not Outcome.REFUSED and not (only_check and one.after) and not one.problem
        code = max(code, GOOD if is_well else NOT_WELL)
    if as_json:
        print_json(formats_to_json(found, shows_diff=shows_diff))
    return code


def _of_the_set(place: Place) -> tuple[str, ...]:
    try:
        return tuple(name for name, _ in read_job_files(place.main_file).files)
    except OSError:
        return (str(place.main_file),)


def _read(name: str) -> tuple[str, bytes, str]:
    """A file's name and content, or why it cannot be read."""
    try:
        return name, read_limited(Path(name)), ""
    except OSError as error:
        return name, b"", f"cannot read {name}: {error.strerror or error}"


def _formatted(name: str, content: bytes, *, writes: bool, checks: bool) -> FileFormat:
    """Format one file, and write it; with `checks`, look for mistakes instead of only for a layout."""
    source, diagnostics = decode_source(name, content)
    done = format_source(source) if source is not None else Formatted(text="", diagnostics=diagnostics)
    if source is None or any(one.is_error for one in done.diagnostics):
        return FileFormat(
            name=name,
            outcome=Outcome.REFUSED,
            problem=_MISTAKES,
            source=source,
            diagnostics=done.diagnostics,
        )
    if done.problem:
        return FileFormat(name=name, outcome=Outcome.REFUSED, problem=done.problem)
    problem = (
        _MISTAKES if checks and any(one.is_error for one in read_file(name, content).diagnostics) else ""
    )
    if done.text == source.text:
        return FileFormat(name=name, outcome=Outcome.SAME, problem=problem)
    if writes:
        mark = _MARK if content.startswith(_MARK) else b""
        replace_file(Path(name), mark + done.text.encode())
    outcome = Outcome.FORMATTED if writes else Outcome.WOULD_CHANGE
    return FileFormat(name=name, outcome=outcome, problem=problem, before=source.text, after=done.text)


def _print(one: FileFormat, *, shows_diff: bool, only_check: bool) -> None:
    if one.outcome is Outcome.REFUSED:
        if one.diagnostics:
            print_diagnostics(one.diagnostics, {} if one.source is None else {one.name: one.source})
        click.echo(printable(f"not changed {one.name}: {one.problem}"), err=True)
        return
    if one.problem:
        click.echo(message(f"{one.name} has mistakes; to see them:  jobfile check {one.name}"), err=True)
    if shows_diff and one.diff:
        style = style_of()
        lines = one.diff.split("\n")
        print_text("\n".join(style.change(line, of_diff=True) for line in lines), style, nl=False)
    if one.outcome is Outcome.FORMATTED:
        click.echo(printable(f"formatted {one.name}"), err=True)
    elif one.outcome is Outcome.WOULD_CHANGE and only_check:
        click.echo(printable(f"would change {one.name}"), err=True)
