"""`jobfile init`: a working jobs.yaml, and the schema for an editor."""

from pathlib import Path

import click

from engine.cli.exit_codes import GOOD
from engine.cli.output import print_json
from engine.host.given_files import make_folders, write_text
from jobfile.diagnostics.escapes import printable
from jobfile.schema.validator import schema_text

SCHEMA_FILE = ".jobfile.schema.json"

FIRST_FILE = f"""\
# yaml-language-server: $schema={SCHEMA_FILE}
version: 1

jobs:
  hello:
    description: Say hello every morning; try it now with  jobfile run hello -p name=you
    schedule: "0 8 * * *"
    timezone: UTC
    params:
      name: {{type: string, default: world}}
    run: |
      echo "hello, {{{{ params.name }}}}"
    timeout: 1m
    retry: 3
"""

PRE_COMMIT = """\
  - repo: local
    hooks:
      - {id: jobfile, name: jobfile check, entry: jobfile check, language: system, files: '(^|/)jobs\\.yaml$'}
"""


@click.command("init")
@click.argument("folder", default=".", type=click.Path(file_okay=False, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(folder: Path, *, as_json: bool) -> int:
    """Write a working jobs.yaml, and the schema for the editor. Existing files are never overwritten."""
    make_folders(folder)
    texts = {folder / "jobs.yaml": FIRST_FILE, folder / SCHEMA_FILE: schema_text()}
    wrote = {str(path): _write(path, text) for path, text in texts.items()}
    if as_json:
        print_json({"format": 1, "wrote": wrote})
        return GOOD
    for path, is_new in wrote.items():
        click.echo(printable(f"wrote    {path}" if is_new else f"kept     {path}, which existed"))
    click.echo("\nnext:  jobfile check       find mistakes")
    if wrote[str(folder / "jobs.yaml")]:
        click.echo("       jobfile run hello   run it once, now")
    click.echo("       jobfile up          run the engine")
    click.echo("       jobfile did hello   did it run, did it succeed?")
    click.echo(f"\nfor pre-commit, in .pre-commit-config.yaml under `repos:`\n\n{PRE_COMMIT}", nl=False)
    return GOOD


def _write(path: Path, text: str) -> bool:
    """Write a new file; True when it was written."""
    try:
        write_text(path, text, may_replace=False)
    except FileExistsError:
        return False
    return True
