"""`jobfile status`: does the engine work?"""

import click

from engine.answers.status import status_to_json
from engine.answers.status_text import status_to_text
from engine.asking.place import Place
from engine.cli.exit_codes import GOOD, NOT_WELL
from engine.cli.output import print_json, print_text, style_of, width
from engine.cli.place import json_option, place_options
from engine.service.status import status_at


@click.command("status")
@json_option
@place_options
def command(*, as_json: bool, place: Place) -> int:
    """Does the engine work? Shows the engine, the generation in force, rejected files, the disk.

    To see whether a job ran: jobfile did, jobfile report.
    """
    status = status_at(place.config, place.view_if_any(), now=place.now())
    if as_json:
        print_json(status_to_json(status))
    else:
        style = style_of()
        print_text(status_to_text(status, width=width(), style=style), style)
    return GOOD if status.is_well else NOT_WELL
