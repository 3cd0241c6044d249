"""`jobfile completion`: the script with which a shell completes command lines of jobfile."""

from pathlib import Path

import click

from engine.cli.exit_codes import GOOD

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
    from engine.cli.completion.known_names import NamesHere  # noqa: PLC0415  start-up time: only while typing

    for one in complete(words, NamesHere):
        click.echo(f"{one.value}\t{one.about}" if one.about and shell != "bash" else one.value)
    return GOOD
