"""`jobfile artifacts`: the files that a run kept."""

from pathlib import Path

import click

from engine.answers.artifacts import RunArtifacts, artifacts_of_run, artifacts_to_json, artifacts_to_text
from engine.asking.naming import subject
from engine.asking.place import Place
from engine.asking.which import Which, run_of
from engine.cli.exit_codes import GOOD, NOT_WELL
from engine.cli.output import print_json, row_width
from engine.cli.place import json_option, place_options
from engine.cli.which import which_options
from engine.execution.artifact_files import CopyGoneError, read_copy
from engine.host.new_files import write_below
from engine.ledger.ports import View
from jobfile.model.counts import many


@click.command("artifacts")
@click.argument("run_or_job", metavar="RUN or JOB")
@click.argument("pattern", required=False, default="", metavar="[PATTERN]")
@click.option(
    "--to", "folder", metavar="DIR", type=click.Path(path_type=Path), help="Copy the files into this folder."
)
@which_options
@json_option
@place_options
def command(
    run_or_job: str, pattern: str, folder: Path | None, *, which: Which, as_json: bool, place: Place
) -> int:
    """The files that RUN kept, or the newest run of JOB; with PATTERN, those whose name matches it.

    With --to, the newest copy of each file is written below DIR, under its name; nothing is replaced there.
    Each copy is compared with its recorded SHA-256. In PATTERN, `*` also stands for a slash.
    """
    found = subject(place, run_or_job)
    answer = artifacts_of_run(found.view, run_of(place, found, which), pattern=pattern)
    if folder is not None and as_json:
        raise click.UsageError("--to writes files and --json prints the list; use one of them")
    if folder is not None and answer.copies:
        return _write(answer, folder, place, found.view)
    if as_json:
        print_json(artifacts_to_json(answer))
    else:
        click.echo(artifacts_to_text(answer, width=row_width()))
    return GOOD if folder is None else NOT_WELL


def _write(answer: RunArtifacts, folder: Path, place: Place, view: View) -> int:
    """Write all copies that can be written; a problem with one does not stop the others."""
    troubles, folder_of = [], place.config.attempt_dir
    for one in answer.copies:
        try:
            source = read_copy(folder_of(one.attempt), one.artifact, one.attempt, view.pieces)
            write_below(folder, one.artifact.name, source)
        except CopyGoneError as error:
            troubles.append(f"{one.artifact.name} is not written: {error}")
        except OSError as error:
            troubles.append(f"{one.artifact.name} cannot be written: {error.strerror or error}")
    written = len(answer.copies) - len(troubles)
    click.echo(f"{many(written, 'file')} written to {folder}")
    for trouble in troubles:
        click.echo(trouble, err=True)
    return NOT_WELL if troubles else GOOD
