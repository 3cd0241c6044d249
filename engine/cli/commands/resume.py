"""`jobfile resume`: let paused jobs run on their schedules again."""

import click

from engine.answers.choice import Choice
from engine.answers.pauses import resumed_to_json, resumed_to_text
from engine.asking.pauses import resume_job
from engine.asking.place import Place
from engine.cli.exit_codes import GOOD
from engine.cli.filters import choice_options
from engine.cli.output import print_json
from engine.cli.pausing import change_many, refuse_unclear_choice
from engine.cli.place import json_option, place_options, why_option
from engine.transactions.pause import resume_by_hand


@click.command("resume")
@click.argument("job", metavar="[JOB]", required=False)
@choice_options
@click.option("--all", "is_all", is_flag=True, help="Every job in force.")
@click.option("--yes", "-y", "is_sure", is_flag=True, help="Resume several jobs without asking.")
@why_option
@json_option
@place_options
def command(
    job: str | None, *, choice: Choice, is_all: bool, is_sure: bool, why: str, as_json: bool, place: Place
) -> int:
    """Let JOB run on its schedule and triggers again. What was skipped while it was paused is not run later.

    With --tag, --owner or --all: each of these jobs that is paused. It shows them and asks.
    """
    refuse_unclear_choice(job, choice, is_all=is_all, is_sure=is_sure)
    now = place.now()
    if job is None:
        return change_many(
            place,
            choice,
            lambda store, name: resume_by_hand(store, name, by=place.user, why=why, now=now),
            is_pause=False,
            is_sure=is_sure,
            as_json=as_json,
            now=now,
        )
    resumed = resume_job(place, job, why=why)
    if as_json:
        print_json(resumed_to_json(resumed))
    else:
        click.echo(resumed_to_text(resumed))
    return GOOD
