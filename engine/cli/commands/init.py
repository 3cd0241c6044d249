"""`jobfile init`: a working jobs.yaml, and the schema for an editor."""

from pathlib import Path

import click

from engine.cli.exit_codes import GOOD
from engine.cli.output import print_json
from engine.cli.place import json_option
from engine.sources.first_files import first_files_to_json, first_files_to_text, write_first_files


@click.command("init")
@click.argument("folder", metavar="[DIR]", default=".", type=click.Path(file_okay=False, path_type=Path))
@json_option
def command(folder: Path, *, as_json: bool) -> int:
    """Write a working jobs.yaml, and the schema for the editor. Existing files are never overwritten."""
    found = write_first_files(folder)
    if as_json:
        print_json(first_files_to_json(found))
    else:
        click.echo(first_files_to_text(found))
    return GOOD
