"""`jobfile migrate`: move the ledger to another database."""

import click

from engine.answers.moved import moved_to_json, moved_to_text
from engine.asking.moving import move_ledger
from engine.asking.place import Place
from engine.cli.exit_codes import GOOD
from engine.cli.output import print_json
from engine.cli.place import json_option, place_options, refuse_password


@click.command("migrate")
@click.option(
    "--to",
    metavar="URL",
    required=True,
    help="Where the ledger moves: postgresql://USER@HOST/DATABASE, or a new file: sqlite:///PATH.",
)
@click.option(
    "--dry-run", "is_trial", is_flag=True, help="Copy and compare everything, and discard the copy."
)
@json_option
@place_options
def command(to: str, *, is_trial: bool, as_json: bool, place: Place) -> int:
    """Move the ledger to another database, with everything that was ever recorded.

    No engine may run meanwhile. Every row of the copy is compared before it is kept. Afterwards every command
    refuses the old ledger and names the new place. If the move is interrupted, run it again.
    """
    refuse_password(to, "--to")
    moved = move_ledger(place, to, is_trial=is_trial)
    if as_json:
        print_json(moved_to_json(moved))
    else:
        click.echo(moved_to_text(moved))
    return GOOD
