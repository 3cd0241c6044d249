"""`jobfile did`: did this job run, did it succeed?"""

import click

from engine.answers.did import did_to_json, did_to_text
from engine.asking.axes import split_axes
from engine.asking.did import Wanted, ask_did
from engine.asking.params import split_params
from engine.asking.place import Place
from engine.cli.axes import matrix_option
from engine.cli.output import print_json, print_text, style_of
from engine.cli.place import json_option, place_options


@click.command("did")
@click.argument("run_or_job", metavar="RUN or JOB")
@click.argument("words", metavar="[NAME=VALUE or TIME]...", nargs=-1)
@click.option(
    "-p",
    "--param",
    "given",
    multiple=True,
    metavar="NAME=VALUE",
    help="Only runs with this value of a param: -p region=eu. Repeatable.",
)
@click.option(
    "--on",
    "day",
    metavar="DAY",
    help="Answer for every run of this day, week or month in the job's zone: 2026-11-23, 'last month'.",
)
@click.option(
    "--at",
    "instant",
    metavar="TIME",
    help="Answer for the run expected at this time: 02:30, 2026-11-28T02:30, 'yesterday 02:30'.",
)
@matrix_option("Only combinations of the matrix with this value: --matrix region=eu. Repeatable.")
@json_option
@place_options
def command(
    run_or_job: str,
    words: tuple[str, ...],
    given: tuple[str, ...],
    axes: tuple[str, ...],
    *,
    day: str | None,
    instant: str | None,
    as_json: bool,
    place: Place,
) -> int:
    """Did JOB run, did it succeed? Or: did that RUN, named by the beginning of its id?

    Without --on or --at the answer is about the newest scheduled run; the same line says if a later manual
    run has a different result. For a job without a schedule it is about the newest manual run. With -p only
    runs with these values count. A job with a matrix has succeeded when all its combinations have.

    The question can be typed as it is asked: params and a time after the name, in one text or as words. A
    time of day works like --at, a day without one like --on.
    """
    question = " ".join((run_or_job, *words))
    found = ask_did(place, question, Wanted(split_params(given), split_axes(axes), day, instant))
    if as_json:
        print_json(did_to_json(found))
    else:
        style = style_of()
        print_text(did_to_text(found, style=style), style)
    return int(found.answer)
