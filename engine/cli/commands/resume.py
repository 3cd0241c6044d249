"""`jobfile resume`: let a paused job run on its schedule again."""

import click

from engine.cli.exit_codes import GOOD
from engine.cli.naming import job_named
from engine.cli.output import print_json
from engine.cli.place import Place, json_option, place_options
from engine.host.environment import user_name
from engine.host.wake import poke
from engine.ledger.sqlite.store import SqliteStore


@click.command("resume")
@click.argument("job")
@click.option("--why", default="", metavar="TEXT", help="The reason, for the record.")
@json_option
@place_options
def command(job: str, *, why: str, as_json: bool, place: Place) -> int:
    """Let JOB run on its schedule again. What fell due while it was paused is not made up for."""
    job_named(place, job)
    now = place.now()
    store = SqliteStore.open(place.config.ledger)
    who = user_name()
    with store.transaction():
        ended = store.pauses.end(job, by=who, now=now)
        if ended:
            store.audit(actor=who, action="resume", object=job, detail=why, now=now)
    store.close()
    poke(place.state_dir)
    if as_json:
        print_json({"format": 1, "job": job, "paused": False, "was_paused": ended > 0})
    else:
        click.echo(f"{job} goes on" if ended else f"{job} was not paused")
    return GOOD
