"""`jobfile pause`: stop jobs from running on their schedules, for a while or until they are resumed."""

from datetime import datetime
from zoneinfo import ZoneInfo

import click

from engine.answers.choice import Choice
from engine.answers.pauses import Paused, paused_to_json, paused_to_text
from engine.asking.naming import job_named
from engine.asking.place import Place
from engine.asking.times import parse_coming
from engine.cli.exit_codes import GOOD
from engine.cli.filters import choice_options
from engine.cli.output import print_json
from engine.cli.pausing import change_many, refuse_unclear_choice
from engine.cli.place import json_option, place_options, why_option
from engine.core.records import Pause
from engine.host.environment import user_name
from engine.host.wake import poke
from engine.ledger.opening import open_ledger
from engine.service.presence import presence_at
from engine.transactions.pause import BY_HAND, pause_by_hand
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
    """Stop JOB from running on its schedule. Runs that fall due meanwhile are recorded as skipped.

    Skipped runs are not run later. Active and waiting runs continue, and  jobfile run  still works. The audit
    records who paused the job, why, and until when. A job that is already paused stays as it is.

    With --tag, --owner or --all: each of these jobs. It shows them and asks. A job that is added later is not
    paused.
    """
    refuse_unclear_choice(job, choice, is_all=is_all, is_sure=is_sure)
    now = place.now()
    if job is None:
        utc = load_zone("UTC")
        assert utc is not None
        end = _end(until, utc, now=now) if until is not None else None
        return change_many(
            place,
            choice,
            lambda store, name: pause_by_hand(store, _pause(name, why, end, now)),
            is_pause=True,
            is_sure=is_sure,
            as_json=as_json,
            now=now,
        )
    named = job_named(place, job)
    pause = _pause(job, why, _end(until, named.zone, now=now) if until is not None else None, now)
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


def _pause(job: str, why: str, until: datetime | None, now: datetime) -> Pause:
    return Pause(
        job=job,
        source=BY_HAND,
        actor=user_name(),
        reason=why,
        paused_at=now,
        until=until,
        ended_at=None,
        ended_by="",
    )


def _end(until: str, zone: ZoneInfo, *, now: datetime) -> datetime:
    """When the pause ends by itself."""
    end = parse_coming(until, zone, now=now)
    if end <= now:
        raise click.UsageError(f"--until {until} is not in the future")
    return end
