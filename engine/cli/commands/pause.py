"""`jobfile pause`: stop a job from running on its schedule, for a while or until it is resumed."""

from datetime import datetime
from zoneinfo import ZoneInfo

import click

from engine.answers.pauses import Paused, paused_to_json, paused_to_text
from engine.cli.exit_codes import GOOD
from engine.cli.naming import job_named
from engine.cli.output import print_json
from engine.cli.place import Place, json_option, place_options, why_option
from engine.cli.times import parse_coming
from engine.core.records import Pause
from engine.host.environment import user_name
from engine.host.wake import poke
from engine.ledger.opening import open_ledger
from engine.service.presence import presence_at
from engine.transactions.pause import BY_HAND, pause_by_hand


@click.command("pause")
@click.argument("job")
@why_option
@click.option(
    "--until",
    metavar="TIME",
    help="Resume automatically at this time, or after this length: 18:00, tomorrow, 2026-11-30T08:00, 2h "
    "[default: never].",
)
@json_option
@place_options
def command(job: str, *, why: str, until: str | None, as_json: bool, place: Place) -> int:
    """Stop JOB from running on its schedule. Runs that fall due meanwhile are recorded as skipped.

    Skipped runs are not run later. Active and waiting runs continue, and  jobfile run  still works. The audit
    records who paused the job, why, and until when. A job that is already paused stays as it is.
    """
    named = job_named(place, job)
    now = place.now()
    pause = Pause(
        job=job,
        source=BY_HAND,
        actor=user_name(),
        reason=why,
        paused_at=now,
        until=_end(until, named.zone, now=now) if until is not None else None,
        ended_at=None,
        ended_by="",
    )
    store = open_ledger(place.config.ledger_url)
    with store.transaction():
        in_force = pause_by_hand(store, pause)
    store.close()
    poke(place.state_dir)
    still_open = tuple(run for run in named.view.open_runs() if run.job == job)
    paused = Paused(
        pause=in_force,
        was_paused=in_force is not pause,
        zone=named.zone,
        still_open=still_open,
        presence=presence_at(place.config, named.view, now=now),
    )
    if as_json:
        print_json(paused_to_json(paused))
    else:
        click.echo(paused_to_text(paused))
    return GOOD


def _end(until: str, zone: ZoneInfo, *, now: datetime) -> datetime:
    """When the pause ends by itself."""
    end = parse_coming(until, zone, now=now)
    if end <= now:
        raise click.UsageError(f"--until {until} is not in the future")
    return end
