"""`jobfile doctor`: are the machine and the ledger sound?"""

import click

from engine.asking.place import Place
from engine.cli.exit_codes import GOOD, NOT_WELL
from engine.cli.output import print_json, print_text, style_of, width
from engine.cli.place import json_option, place_options
from engine.doctor.checking import diagnose
from engine.doctor.reporting import diagnosis_to_json, diagnosis_to_text
from engine.host.machine import read_machine


@click.command("doctor")
@json_option
@place_options
def command(*, as_json: bool, place: Place) -> int:
    """Check the ledger, file rights, clock, disk, leftovers and the machine. Nothing is changed.

    Works with the engine running or stopped. To see whether the engine does its work: jobfile status.
    """
    examined = tuple(diagnose(place.config, now=place.now(), machine=read_machine()))
    if as_json:
        print_json(diagnosis_to_json(examined))
    else:
        style = style_of()
        print_text(diagnosis_to_text(examined, width=width(), style=style), style)
    return GOOD if all(one.is_well for one in examined) else NOT_WELL
