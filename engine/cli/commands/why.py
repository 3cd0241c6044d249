"""`jobfile why`: everything known about one expected run."""

import click

from engine.answers.why import story_to_json, story_to_text
from engine.asking.place import Place
from engine.asking.why import ask_why
from engine.cli.exit_codes import GOOD
from engine.cli.output import print_json, print_text, style_of, width
from engine.cli.place import json_option, place_options


@click.command("why")
@click.argument("run_or_job", metavar="RUN or JOB")
@click.argument("time", nargs=-1)
@json_option
@place_options
def command(run_or_job: str, time: tuple[str, ...], *, as_json: bool, place: Place) -> int:
    """Why JOB did or did not run: schedule, generation, file, overlap, downtime, attempts, last lines.

    Without TIME: the newest expected run. TIME is a time as any command prints it, 8:00 for today, or a day
    (2026-11-23, yesterday) for its worst run; in the job's zone unless it names another. A RUN is named by
    the beginning of its id, and needs no TIME. To see whether it succeeded: jobfile did.
    """
    story = ask_why(place, run_or_job, " ".join(time))
    if as_json:
        print_json(story_to_json(story))
    else:
        style = style_of()
        print_text(story_to_text(story, width=width(), style=style), style)
    return GOOD
