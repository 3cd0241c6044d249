"""`jobfile lsp`: the language server for editors, over standard input and output."""

import click

from engine.cli.exit_codes import GOOD
from engine.core.extras import not_installed
from engine.host.clock import SystemClock


@click.command("lsp")
def command() -> int:
    """Serve an editor: findings as you type, hover, completion, definitions, quick fixes, formatting, the
    outline, and renames of jobs, params and steps.

    Needs the extra: pip install 'jobfile[lsp]'
    """
    try:
        from engine.integrations.lsp import make_server  # noqa: PLC0415  start-up time, and an extra that may be missing
    except ModuleNotFoundError as error:
        raise not_installed("the language server needs", error, extra="lsp") from error
    make_server(SystemClock()).start_io()
    return GOOD
