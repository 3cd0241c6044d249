"""`jobfile schema`: print the JSON Schema of job files, or of case files."""

import click

from engine.cli.exit_codes import GOOD
from jobfile.schema.forms import CASE_FILE, JOB_FILE
from jobfile.schema.validator import schema_text


@click.command("schema")
@click.option(
    "--cases", is_flag=True, help="Print the schema of case files, *.test.yaml [default: of job files]."
)
def command(*, cases: bool) -> int:
    """Print the JSON Schema of job files: jobfile schema > .jobfile.schema.json."""
    click.echo(schema_text(CASE_FILE if cases else JOB_FILE), nl=False)
    return GOOD
