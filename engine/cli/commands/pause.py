"""`jobfile pause`: stop a job from running on its schedule, for a while or until it is resumed."""

import click

from engine.cli.exit_codes import GOOD
from engine.cli.naming import job_named
from engine.cli.output import print_json
from engine.cli.place import Place, json_option, place_options
from engine.cli.times import parse_instant
from engine.core.errors import JobfileError
from engine.core.lifecycle import RunState
from engine.core.records import Pause
from engine.core.vocabulary import instant_text, short
from engine.host.environment import user_name
from engine.host.wake import poke
from engine.ledger.sqlite.store import SqliteStore
from engine.transactions.pause import BY_HAND
from jobfile.schedule.duration import parse_duration

_GOES_ON = {
    RunState.QUEUED: "waits to start",
    RunState.RUNNING: "is running",
    RunState.CANCELLING: "is being cancelled",
    RunState.RETRY_WAIT: "waits to be tried again",
}


@click.command("pause")
@click.argument("job")
@click.option("--why", default="", metavar="TEXT", help="The reason, for the record.")
@click.option("--until", metavar="TIME", help="Go on by itself then: 2h, 18:00, 2026-11-30T08:00.")
@json_option
@place_options
def command(job: str, *, why: str, until: str | None, as_json: bool, place: Place) -> int:
    """Stop JOB from running on its schedule. What is left out is recorded, and not made up for.

    What runs or waits already goes on, and  jobfile run  still works. Who, why and until when is recorded.
    """
    named = job_named(place, job)
    zone = named.zone
    now = place.now()
    end = None
    if until is not None:
        length = parse_duration(until)
        end = now + length if length else parse_instant(until, zone, now=now)
        if end <= now:
            raise click.UsageError(f"--until {until} is not in the future")
    pause = Pause(
        job=job,
        source=BY_HAND,
        actor=user_name(),
        reason=why,
        paused_at=now,
        until=end,
        ended_at=None,
        ended_by="",
    )
    store = SqliteStore.open(place.config.ledger)
    with store.transaction():
        if any(one.holds_at(now) for one in store.pauses.between(job, since=now, until=now)):
            raise JobfileError(f"{job} is paused already; see  jobfile status")
        store.pauses.add(pause)
        detail = "; ".join(part for part in (why, f"until {end.isoformat()}" if end else "") if part)
        store.audit(actor=pause.actor, action="pause", object=job, detail=detail, now=now)
    store.close()
    poke(place.state_dir)
    if as_json:
        print_json({"format": 1, "job": job, "paused": True, "until": end.isoformat() if end else None})
    else:
        until_words = f" until {instant_text(end, zone)}" if end else f"; go on with  jobfile resume {job}"
        click.echo(f"{job} is paused{until_words}")
        for run in named.view.open_runs():
            if run.job == job:
                end_it = f"end it with  jobfile cancel {short(run.id)}"
                click.echo(f"run {short(run.id)} {_GOES_ON[run.state]} and goes on; {end_it}")
    return GOOD
