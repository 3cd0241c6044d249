"""`jobfile schema`: print the JSON Schema of job files."""

import click

from engine.cli.exit_codes import GOOD
from jobfile.schema.validator import schema_text


@click.command("schema")
def command() -> int:
    """Print the JSON Schema of job files: jobfile schema > .jobfile.schema.json."""
    click.echo(schema_text(), nl=False)
    return GOOD
