"""`jobfile generations`: what was in force when, by whom, from which commit."""

import click

from engine.answers.generations import generations_to_json, generations_to_text
from engine.asking.place import Place
from engine.cli.exit_codes import GOOD
from engine.cli.output import print_json, print_text, row_width, style_of
from engine.cli.place import json_option, place_options


@click.command("generations")
@click.option(
    "--limit",
    type=click.IntRange(1, 1000),
    default=20,
    show_default=True,
    help="Maximum number of generations to print.",
)
@json_option
@place_options
def command(limit: int, *, as_json: bool, place: Place) -> int:
    """Every set of jobs that was put in force, the newest first.

    To see what changed between two of them:  jobfile plan --from engine:N --to engine:M.
    """
    found = place.view().generations(limit=limit)
    if as_json:
        print_json(generations_to_json(found))
    else:
        style = style_of()
        print_text(generations_to_text(found, width=row_width(), style=style), style)
    return GOOD
