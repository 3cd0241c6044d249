"""Pauses or resumes several jobs in one step, after the user has seen which."""

from collections.abc import Callable
from datetime import datetime

import click

from engine.answers.choice import Choice
from engine.answers.pauses import Affected, affected_to_json, affected_to_text
from engine.asking.choosing import chosen_jobs
from engine.asking.place import Place
from engine.cli.confirming import confirmed
from engine.cli.exit_codes import GOOD
from engine.cli.output import print_json, row_width
from engine.host.wake import poke
from engine.ledger.opening import open_ledger
from engine.ledger.store_ports import Store
from engine.transactions.pause import holding
from jobfile.model.counts import many


def refuse_unclear_choice(job: str | None, choice: Choice, *, is_all: bool, is_sure: bool) -> None:
    """Refuse options that name no job, or jobs in two ways."""
    if job is not None and (is_all or is_sure or not choice.is_all):
        raise click.UsageError(
            "--tag, --owner, --all and --yes are for several jobs; remove them, or the JOB"
        )
    if is_all and not choice.is_all:
        raise click.UsageError("--all is every job; remove it, or --tag and --owner")
    if job is None and not is_all and choice.is_all:
        raise click.UsageError("name one JOB; or choose several with --tag, --owner or --all")


def change_many(
    place: Place,
    choice: Choice,
    change: Callable[[Store, str], object],
    *,
    is_pause: bool,
    is_sure: bool,
    as_json: bool,
    now: datetime,
) -> int:
    """Show the chosen jobs, ask, and pause or resume each of them, in one transaction."""
    view = place.view()
    chosen = chosen_jobs(view, choice)
    paused = {pause.job for pause in holding(view, now)}
    jobs = [
        Affected(job=one.job, was_paused=one.job in paused)
        for one in view.jobs_in_force()
        if chosen is None or one.job in chosen
    ]
    to_change = [one.job for one in jobs if one.was_paused is not is_pause]
    if not as_json:
        click.echo(affected_to_text(jobs, is_pause=is_pause, width=row_width()))
    question = f"{'Pause' if is_pause else 'Resume'} {many(len(to_change), 'job')}?"
    if to_change and confirmed(question, is_sure=is_sure, as_json=as_json):
        store = open_ledger(place.config.ledger_url)
        with store.transaction():
            for job in to_change:
                change(store, job)
        store.close()
        poke(place.state_dir)
        if not as_json:
            done = many(len(to_change), "job is", "jobs are")
            click.echo(f"{done} {'paused' if is_pause else 'resumed'}")
    if as_json:
        print_json(affected_to_json(jobs, is_pause=is_pause))
    return GOOD
