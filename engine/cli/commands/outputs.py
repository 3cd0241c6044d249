"""`jobfile outputs`: the values that a run returned by name."""

import click

from engine.answers.outputs import outputs_of_run, outputs_to_json, outputs_to_text
from engine.asking.naming import subject
from engine.asking.place import Place
from engine.asking.which import Which, run_of
from engine.cli.exit_codes import GOOD
from engine.cli.output import print_json, width
from engine.cli.place import json_option, place_options
from engine.cli.which import which_options


@click.command("outputs")
@click.argument("run_or_job", metavar="RUN or JOB")
@which_options
@json_option
@place_options
def command(run_or_job: str, *, which: Which, as_json: bool, place: Place) -> int:
    """The outputs of RUN, or of the newest run of JOB: the values that it returned by name.

    Only outputs that the job declares are kept.
    """
    found = subject(place, run_or_job)
    run = run_of(place, found, which)
    answer = outputs_of_run(found.view, run)
    if as_json:
        print_json(outputs_to_json(answer))
    else:
        click.echo(outputs_to_text(answer, width=width()))
    return GOOD
