"""`jobfile backfill`: run past occurrences of a job's schedule, or see how far that is."""

from datetime import datetime

import click

from engine.answers.backfills import (
    MAX_OCCURRENCES,
    Wanted,
    progress_of,
    progress_to_json,
    progress_to_text,
    wanted_to_json,
    wanted_to_text,
)
from engine.asking.naming import Subject, job_named
from engine.asking.place import Place
from engine.asking.times import parse_instant
from engine.cli.confirming import confirmed
from engine.cli.exit_codes import GOOD
from engine.cli.output import print_json, print_text, row_width, style_of
from engine.cli.place import json_option, place_options, why_option
from engine.core.errors import JobfileError
from engine.core.lifecycle import RunState
from engine.core.records import Backfill
from engine.host.wake import poke
from engine.ledger.opening import open_ledger
from engine.transactions.backfill import STOPPED, begin_backfill, stop_backfill
from jobfile.model.counts import many
from jobfile.model.namedtuple import NamedTuple
from jobfile.schedule.occurrences import fires

SHOWN = 20
"""How many backfills are listed."""
MAX_AT_ONCE = 100


class _Window(NamedTuple):
    """The options of a new backfill."""

    since: str | None
    until: str | None
    again: bool
    at_once: int | None

    @property
    def is_empty(self) -> bool:
        return not (self.since or self.until or self.again or self.at_once)


@click.command("backfill")
@click.argument("job", metavar="[JOB]", required=False)
@click.option("--from", "since", metavar="TIME", help="The first time of the occurrences to run.")
@click.option("--to", "until", metavar="TIME", help="Occurrences before this time [default: now].")
@click.option("--again", is_flag=True, help="Run those that have succeeded, too.")
@click.option(
    "--at-once",
    type=click.IntRange(1, MAX_AT_ONCE),
    help="How many of its runs may be open at a time [default: 1].",
)
@click.option(
    "--stop", "is_stop", is_flag=True, help="Record no more runs; those that are recorded continue."
)
@click.option("--dry-run", "is_dry", is_flag=True, help="Show the occurrences; run none.")
@click.option("--yes", "-y", "is_sure", is_flag=True, help="Begin without asking.")
@why_option
@json_option
@place_options
def command(
    job: str | None,
    since: str | None,
    until: str | None,
    at_once: int | None,
    *,
    again: bool,
    is_stop: bool,
    is_dry: bool,
    is_sure: bool,
    why: str,
    as_json: bool,
    place: Place,
) -> int:
    """Run past occurrences of JOB's schedule, oldest first; those that have succeeded are left out.

    It shows the occurrences and asks. The engine then runs a few at a time and continues after a restart.
    Its runs never count as scheduled. An occurrence that falls due meanwhile waits for its turn.

    Without --from: the progress of the backfills, of JOB or of all jobs.
    """
    window = _Window(since, until, again, at_once)
    if is_stop:
        if job is None or not window.is_empty or is_dry:
            raise click.UsageError("--stop takes a JOB and nothing else")
        return _stop(place, job, why=why, as_json=as_json)
    if window.is_empty and not (is_dry or is_sure):
        return _show(place, job, as_json=as_json)
    if job is None or since is None:
        raise click.UsageError("a backfill needs a JOB and --from TIME")
    if as_json and not (is_sure or is_dry):
        raise click.UsageError("--json does not ask: add --yes, or --dry-run to see the occurrences")
    named, now = job_named(place, job), place.now()
    wanted, begun = _asked(place, named, window, now=now)
    if not as_json:
        style = style_of()
        print_text(wanted_to_text(wanted, style=style), style)
    question = f"Run {many(wanted.to_run, 'occurrence')} of {job}, {wanted.at_once} at a time?"
    is_done = bool(wanted.to_run) and not is_dry and confirmed(question, is_sure=is_sure)
    recorded = _begin(place, begun, why=why) if is_done else None
    if as_json:
        print_json(wanted_to_json(wanted, recorded))
    elif recorded is not None:
        click.echo(f"backfill {recorded.id} of {job} has begun; to see its progress:  jobfile backfill {job}")
    if recorded is not None and not place.has_engine():
        click.echo("no engine is running: its runs wait for  jobfile up", err=True)
    return GOOD


def _asked(place: Place, named: Subject, window: _Window, *, now: datetime) -> tuple[Wanted, Backfill]:
    """The occurrences that a backfill is about, and the backfill, not recorded yet."""
    view, zone = named.view, named.zone
    assert window.since is not None
    since = parse_instant(window.since, zone, now=now)
    until = parse_instant(window.until, zone, now=now) if window.until else now
    if until > now:
        raise click.UsageError("--to is in the future: only past occurrences can be run")
    if since >= until:
        raise click.UsageError("--from must be before --to")
    entries = next(
        (
            one.entries
            for one in view.schedules_between(named.job, since=now, until=now)
            if one.active_until is None
        ),
        (),
    )
    if not entries:
        raise JobfileError(
            f"{named.job} has no schedule in force; run it for a time with  jobfile run --at TIME"
        )
    before = since - datetime.resolution
    instants: list[datetime] = []
    for fire in fires(entries, after=before, until=until - datetime.resolution):
        if len(instants) == MAX_OCCURRENCES:
            raise click.UsageError(f"more than {MAX_OCCURRENCES:,} occurrences; narrow --from and --to")
        instants.append(fire.at)
    runs = view.runs_between(named.job, since=since, until=until, limit=10 * MAX_OCCURRENCES)
    done = {run.scheduled_for for run in runs if run.verdict is RunState.SUCCEEDED}
    wanted = Wanted(
        job=named.job,
        zone=zone,
        instants=tuple(instants),
        succeeded=len(done & set(instants)),
        again=window.again,
        at_once=window.at_once or 1,
    )
    backfill = Backfill(
        id=0,
        job=named.job,
        since=since,
        until=until,
        covered_until=before,
        at_once=wanted.at_once,
        again=window.again,
        requested_by=place.user,
        begun_at=now,
    )
    return wanted, backfill


def _begin(place: Place, backfill: Backfill, *, why: str) -> Backfill:
    store = open_ledger(place.config.ledger_url)
    try:
        with store.transaction():
            begun = begin_backfill(store, backfill, why=why)
    finally:
        store.close()
    poke(place.state_dir)
    return begun


def _stop(place: Place, job: str, *, why: str, as_json: bool) -> int:
    named = job_named(place, job)
    store = open_ledger(place.config.ledger_url)
    with store.transaction():
        stopped = stop_backfill(store, job, by=place.user, why=why, now=place.now())
    store.close()
    if as_json:
        print_json(progress_to_json(progress_of(named.view, job, limit=1)))
    elif stopped is None:
        click.echo(f"no backfill of {job} is running")
    else:
        click.echo(f"backfill {stopped.id} of {job} is over: {STOPPED}; its recorded runs continue")
    return GOOD


def _show(place: Place, job: str | None, *, as_json: bool) -> int:
    view = job_named(place, job).view if job is not None else place.view()
    found = progress_of(view, job, limit=SHOWN)
    if as_json:
        print_json(progress_to_json(found))
    else:
        style = style_of()
        print_text(progress_to_text(found, width=row_width(), style=style), style)
    return GOOD
