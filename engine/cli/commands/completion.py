"""`jobfile completion`: the script with which a shell completes command lines of jobfile."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from engine.cli.exit_codes import GOOD
from engine.cli.main import SERVER
from engine.host.environment import environment

if TYPE_CHECKING:
    from engine.cli.completion.candidates import Known, Whereabouts

SHELLS = ("bash", "zsh", "fish")
SCRIPTS = Path(__file__).parents[1] / "completion"


@click.command("completion")
@click.argument("shell", type=click.Choice(SHELLS))
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="[-- WORD...]")
def command(shell: str, words: tuple[str, ...]) -> int:
    """Print the script for SHELL: it completes commands, options, jobs, runs and params.

    The script calls this command with the WORDs after `jobfile`, the last one as far as it was typed. The
    answer has one line for each word that fits; for zsh and fish, a tab and its meaning follow. At `:files`
    or `:folders` the shell offers its own files or folders.
    """
    if not words:
        click.echo((SCRIPTS / f"jobfile.{shell}").read_text(), nl=False)
        return GOOD
    from engine.cli.completion.candidates import complete  # noqa: PLC0415  start-up time: only while typing

    for one in complete(words, _known):
        click.echo(f"{one.value}\t{one.about}" if one.about and shell != "bash" else one.value)
    return GOOD


def _known(where: "Whereabouts") -> "Known":
    """The names at the server that the command would ask, else those here."""
    from engine.cli.remote.registry import ASKED, WITH_FILES  # noqa: PLC0415  start-up time: only while typing

    server = where.server or environment().get(SERVER, "")
    if server and where.command in ASKED and where.command not in WITH_FILES:
        from engine.cli.completion.names_there import NamesThere  # noqa: PLC0415  start-up time: only with a server

        return NamesThere(server)
    from engine.cli.completion.known_names import NamesHere  # noqa: PLC0415  start-up time: only while typing

    return NamesHere(where.file, where.state, where.store)
