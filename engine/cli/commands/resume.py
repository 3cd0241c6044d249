"""`jobfile resume`: let a paused job run on its schedule again."""

import click

from engine.answers.pauses import Resumed, resumed_to_json, resumed_to_text
from engine.cli.exit_codes import GOOD
from engine.cli.naming import job_named
from engine.cli.output import print_json
from engine.cli.place import Place, json_option, place_options, why_option
from engine.host.environment import user_name
from engine.host.wake import poke
from engine.ledger.opening import open_ledger
from engine.transactions.pause import resume_by_hand


@click.command("resume")
@click.argument("job")
@why_option
@json_option
@place_options
def command(job: str, *, why: str, as_json: bool, place: Place) -> int:
    """Let JOB run on its schedule again. Runs that fell due while it was paused are not run later."""
    job_named(place, job)
    store = open_ledger(place.config.ledger_url)
    with store.transaction():
        was_paused = resume_by_hand(store, job, by=user_name(), why=why, now=place.now())
    store.close()
    poke(place.state_dir)
    resumed = Resumed(job=job, was_paused=was_paused)
    if as_json:
        print_json(resumed_to_json(resumed))
    else:
        click.echo(resumed_to_text(resumed))
    return GOOD
