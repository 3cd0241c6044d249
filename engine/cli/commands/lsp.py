"""`jobfile lsp`: the language server for editors, over standard input and output."""

import click

from engine.cli.exit_codes import GOOD
from engine.core.errors import ErrorCode, JobfileError
from engine.host.clock import SystemClock


class NotInstalledError(JobfileError):
    """The extra that the server needs is not installed."""

    code = ErrorCode.USAGE


@click.command("lsp")
def command() -> int:
    """Serve an editor: findings as you type, hover, completion, definitions, quick fixes, formatting, the
    outline, and renames of jobs, params and steps.

    Needs the extra: pip install 'jobfile[lsp]'
    """
    try:
        from engine.integrations.lsp import make_server  # noqa: PLC0415  start-up time, and an extra that may be missing
    except ModuleNotFoundError as error:
        raise NotInstalledError(
            f"the language server needs {error.name}; install it with  pip install 'jobfile[lsp]'"
        ) from error
    make_server(SystemClock()).start_io()
    return GOOD
