"""`jobfile pause`: stop jobs from running on their schedules, for a while or until they are resumed."""

import click

from engine.answers.choice import Choice
from engine.answers.pauses import paused_to_json, paused_to_text
from engine.asking.pauses import end_of, pause_job, pause_of
from engine.asking.place import Place
from engine.cli.exit_codes import GOOD
from engine.cli.filters import choice_options
from engine.cli.output import print_json
from engine.cli.pausing import change_many, refuse_unclear_choice
from engine.cli.place import json_option, place_options, why_option
from engine.transactions.pause import pause_by_hand
from jobfile.schedule.zones import load_zone


@click.command("pause")
@click.argument("job", metavar="[JOB]", required=False)
@choice_options
@click.option("--all", "is_all", is_flag=True, help="Every job in force.")
@why_option
@click.option(
    "--until",
    metavar="TIME",
    help="Resume automatically at this time, or after this length: 18:00, tomorrow, 2026-11-30T08:00, 2h "
    "[default: never].",
)
@click.option("--yes", "-y", "is_sure", is_flag=True, help="Pause several jobs without asking.")
@json_option
@place_options
def command(
    job: str | None,
    *,
    choice: Choice,
    is_all: bool,
    why: str,
    until: str | None,
    is_sure: bool,
    as_json: bool,
    place: Place,
) -> int:
    """Stop JOB from running on its schedule and its triggers. What would run is recorded as skipped.

    Skipped runs are not run later. Active and waiting runs continue, and  jobfile run  still works. The audit
    records who paused the job, why, and until when. A job that is already paused stays as it is; a different
    --until is an error.

    With --tag, --owner or --all: each of these jobs. It shows them and asks. A job that is added later is not
    paused.
    """
    refuse_unclear_choice(job, choice, is_all=is_all, is_sure=is_sure)
    now = place.now()
    if job is None:
        utc = load_zone("UTC")
        assert utc is not None
        end = end_of(until, utc, now=now) if until is not None else None
        return change_many(
            place,
            choice,
            lambda store, name: pause_by_hand(store, pause_of(place, name, why, end, now)),
            is_pause=True,
            is_sure=is_sure,
            as_json=as_json,
            now=now,
        )
    paused = pause_job(place, job, until=until, why=why)
    if as_json:
        print_json(paused_to_json(paused))
    else:
        click.echo(paused_to_text(paused))
    return GOOD
