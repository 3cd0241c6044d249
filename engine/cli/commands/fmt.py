"""`jobfile fmt`: format job files; comments are kept."""

import difflib
from pathlib import Path

import click

from engine.cli.exit_codes import GOOD, NOT_WELL, UNREADABLE
from engine.cli.findings import print_diagnostics
from engine.cli.output import print_text, style_of
from engine.cli.place import Place, place_options
from engine.host.atomic_write import replace_file
from engine.sources.file_reader import read_job_files, read_limited
from jobfile.diagnostics.escapes import message, printable
from jobfile.fixing.format import Formatted, format_source
from jobfile.pipeline import read_file
from jobfile.syntax.document import decode_source

_MARK = b"\xef\xbb\xbf"


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
@place_options
def command(files: tuple[str, ...], *, only_check: bool, shows_diff: bool, place: Place) -> int:
    """Format job FILEs, or the main file and what it includes: two columns for each level; comments are kept.

    The meaning of a file never changes: keys keep their order, texts and scripts stay as they are. A file
    that is not valid YAML is not changed.
    """
    code = GOOD
    for name in files or _of_the_set(place):
        try:
            content = read_limited(Path(name))
        except OSError as error:
            click.echo(message(f"error: cannot read {name}: {error.strerror or error}"), err=True)
            code = UNREADABLE
            continue
        code = max(code, _one(name, content, only_check=only_check, shows_diff=shows_diff))
    return code


def _of_the_set(place: Place) -> tuple[str, ...]:
    try:
        return tuple(name for name, _ in read_job_files(place.main_file).files)
    except OSError:
        return (str(place.main_file),)


def _one(name: str, content: bytes, *, only_check: bool, shows_diff: bool) -> int:
    source, diagnostics = decode_source(name, content)
    done = format_source(source) if source is not None else Formatted(text="", diagnostics=diagnostics)
    if source is None or any(one.is_error for one in done.diagnostics):
        print_diagnostics(done.diagnostics, {} if source is None else {name: source})
        click.echo(printable(f"not changed {name}: it has mistakes"), err=True)
        return NOT_WELL
    if done.problem:
        click.echo(printable(f"not changed {name}: {done.problem}"), err=True)
        return NOT_WELL
    has_mistakes = only_check and any(one.is_error for one in read_file(name, content).diagnostics)
    if has_mistakes:
        click.echo(message(f"{name} has mistakes; to see them:  jobfile check {name}"), err=True)
    if done.text == source.text:
        return NOT_WELL if has_mistakes else GOOD
    if shows_diff:
        lines = (source.text.splitlines(keepends=True), done.text.splitlines(keepends=True))
        style = style_of()
        diff = "".join(difflib.unified_diff(*lines, name, name)).split("\n")
        print_text("\n".join(style.change(line, of_diff=True) for line in diff), style, nl=False)
    if only_check:
        click.echo(printable(f"would change {name}"), err=True)
    elif not shows_diff:
        mark = _MARK if content.startswith(_MARK) else b""
        replace_file(Path(name), mark + done.text.encode())
        click.echo(printable(f"formatted {name}"), err=True)
    return NOT_WELL if only_check else GOOD
