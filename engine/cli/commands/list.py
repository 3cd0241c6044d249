"""`jobfile list`: every job, its last results, and when it runs next."""

import click

from engine.answers.choice import Choice
from engine.answers.listing import NO_STATE, STATES, list_to_json
from engine.answers.listing_text import list_to_text
from engine.asking.choosing import named_states
from engine.asking.findings import refuse_invalid
from engine.asking.place import Place
from engine.cli.exit_codes import GOOD
from engine.cli.filters import choice_options
from engine.cli.output import print_json, print_text, row_width, style_of
from engine.cli.place import json_option, place_options
from engine.service.listing import list_at
from jobfile.pipeline import Compiled


@click.command("list")
@choice_options
@click.option(
    "--in",
    "given",
    multiple=True,
    metavar="STATE",
    help=f"Only jobs whose newest result is one of these: failed,lost; {NO_STATE}: none yet. Repeatable.",
)
@json_option
@place_options
def command(given: tuple[str, ...], *, choice: Choice, as_json: bool, place: Place) -> int:
    """Every job with its newest result, its last ten, when it is expected next, its owner and its tags.

    As in  jobfile did, the results are those of the schedule; of a job without one, those of its manual runs.
    A manual retry counts as the run that it retries. Notes say which jobs are paused, and how the files
    differ from what the engine has. Each time is in the zone of its job.

    To see whether all is well: jobfile report.
    """
    states, view = named_states(given, STATES), place.view_if_any()
    found = list_at(place.config, view, now=place.now(), choice=choice, states=states)
    if isinstance(found, Compiled):
        refuse_invalid(found)
    if found.unknown:
        raise click.UsageError(found.unknown)
    if as_json:
        print_json(list_to_json(found))
    else:
        style = style_of()
        print_text(list_to_text(found, width=row_width(), style=style), style)
    return GOOD
