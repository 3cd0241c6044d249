"""`jobfile retry`: run a job's run again, or all that did not end well."""

from datetime import timedelta

import click

from engine.answers.choice import Choice
from engine.answers.requested import requested_to_json
from engine.answers.retryable import (
    MAX_RETRIED,
    Retried,
    Retryable,
    retried_to_text,
    retryable,
    retryable_to_json,
    retryable_to_text,
)
from engine.asking.choosing import chosen_jobs, refuse_choice_of_one, window_of
from engine.asking.naming import job_named
from engine.asking.place import Place
from engine.asking.requests import hand_over, hand_over_all
from engine.asking.retries import How, job_again, run_again, run_to_retry
from engine.asking.which import NEWEST, Which
from engine.cli.confirming import confirmed
from engine.cli.exit_codes import GOOD
from engine.cli.filters import choice_options
from engine.cli.following import attend, tell_kept
from engine.cli.output import print_json, print_text, row_width, style_of
from engine.cli.place import json_option, place_options, why_option
from engine.cli.which import which_options
from engine.core.lifecycle import Run
from engine.ledger.ports import View
from engine.service.presence import presence_at
from jobfile.model.counts import many
from jobfile.model.jobs import OverlapPolicy
from jobfile.model.namedtuple import NamedTuple

DEFAULT_WINDOW = timedelta(hours=24)


class _Many(NamedTuple):
    """The options of --failed."""

    since: str | None
    until: str | None
    choice: Choice
    is_sure: bool
    is_dry: bool

    @property
    def is_empty(self) -> bool:
        return not (self.since or self.until or self.is_sure or self.is_dry) and self.choice.is_all


@click.command("retry")
@click.argument("run", metavar="[RUN or JOB]", required=False)
@which_options
@click.option("--failed", "is_many", is_flag=True, help="Retry every run that did not end well.")
@click.option("--since", metavar="TIME", help="With --failed: runs expected from then on [default: 24h].")
@click.option("--until", metavar="TIME", help="With --failed: runs expected before then [default: now].")
@choice_options
@click.option("--dry-run", "is_dry", is_flag=True, help="With --failed: show the runs; retry none.")
@click.option("--yes", "-y", "is_sure", is_flag=True, help="With --failed: retry without asking.")
@click.option("--detach", is_flag=True, help="Print the new run's id and exit.")
@click.option("--force", is_flag=True, help="Retry even if it succeeded.")
@click.option(
    "--failed-steps/--all-steps",
    "only_failed",
    default=True,
    help="Continue at the first step that has not succeeded, or run all again [default: --failed-steps].",
)
@click.option(
    "--current/--original",
    "is_current",
    default=True,
    help="Use the job as it is in force now, or as it was for the old run [default: --current].",
)
@why_option
@json_option
@place_options
def command(
    run: str | None,
    since: str | None,
    until: str | None,
    *,
    which: Which,
    is_many: bool,
    choice: Choice,
    is_dry: bool,
    is_sure: bool,
    detach: bool,
    force: bool,
    only_failed: bool,
    is_current: bool,
    why: str,
    as_json: bool,
    place: Place,
) -> int:
    """Retry RUN: a new run of the same job for the same time with the same params.

    RUN is named by the beginning of its id; or else by JOB with --at TIME, and --matrix if the job has
    several combinations.

    The new run uses the definition of the job that is in force now; with --original, or if the job or this
    combination of its matrix was removed, the old definition. The old record stays. A job with steps that has
    not changed continues at the first step that has not succeeded, in a copy of the run's folder.

    With --failed: every run of JOB, or of all jobs, that failed, timed out, was missed or lost and was not
    retried, oldest first. It shows them, asks, requests the new runs and does not wait. If a job's
    concurrency does not allow them at once, they run one after another, whatever its overlap policy is.
    """
    options, how = _Many(since, until, choice, is_sure, is_dry), How(not only_failed, is_current)
    if is_many:
        if detach or force:
            raise click.UsageError(
                "--failed does not wait, and retries no success; remove --detach and --force"
            )
        if which != NEWEST:
            raise click.UsageError("--at and --matrix name one run; remove --failed")
        return _retry_many(place, run, options, how, why=why, as_json=as_json)
    if run is None or not options.is_empty:
        raise click.UsageError("name one RUN; or add --failed, for all that did not end well")
    view, old = run_to_retry(place, run, which, is_forced=force)
    how = how._replace(all_steps=how.all_steps or force)
    return _retry_one(place, view, old, how, detach=detach, why=why, as_json=as_json)


def _retry_one(place: Place, view: View, old: Run, how: How, *, detach: bool, why: str, as_json: bool) -> int:
    now = place.now()
    job = job_again(view, old, how)
    new = run_again(place, view, old, job, now=now)
    if not detach:
        return attend(place, [new], job, why=why, as_json=as_json, all_steps=how.all_steps)
    (recorded,) = hand_over(place, [new], job, why=why, now=now, all_steps=how.all_steps)
    tell_kept(view, recorded)
    if as_json:
        found = requested_to_json(
            view, [recorded], is_duplicate=False, is_followed=False, options=place.options
        )
        print_json(found)
    else:
        click.echo(recorded.id)
    return GOOD


def _retry_many(place: Place, job: str | None, options: _Many, how: How, *, why: str, as_json: bool) -> int:
    """Show the runs that did not end well, ask, and retry them."""
    if as_json and not (options.is_sure or options.is_dry):
        raise click.UsageError("--json does not ask: add --yes, or --dry-run to see the runs")
    view, found = _failed(place, job, options)
    if len(found.runs) > MAX_RETRIED:
        raise click.UsageError(
            f"more than {MAX_RETRIED:,} runs did not end well; narrow --since, --tag or JOB"
        )
    if not as_json:
        style = style_of()
        print_text(retryable_to_text(found, width=row_width(), style=style), style)
    is_done = bool(found.runs) and not options.is_dry
    is_done = is_done and confirmed(f"Retry {many(len(found.runs), 'run')}?", is_sure=options.is_sure)
    retried = _retry_all(place, view, found, how, why=why) if is_done else ()
    if as_json:
        print_json(retryable_to_json(found, retried))
    elif retried:
        style = style_of()
        print_text(f"\n{retried_to_text(found, retried, width=row_width(), style=style)}", style)
    if retried and not place.has_engine():
        click.echo("no engine is running: the new runs wait for  jobfile up", err=True)
    return GOOD


def _failed(place: Place, job: str | None, options: _Many) -> tuple[View, Retryable]:
    refuse_choice_of_one(job, options.choice)
    named = job_named(place, job) if job else None
    view, now = named.view if named else place.view(), place.now()
    zone = named.zone if named else None
    window = window_of(options.since, options.until, zone, now=now, default=DEFAULT_WINDOW)
    return view, retryable(
        view,
        {named.job} if named else chosen_jobs(view, options.choice),
        since=window.since,
        until=window.until,
        now=now,
        presence=presence_at(place.config, view, now=now),
    )


def _retry_all(place: Place, view: View, found: Retryable, how: How, *, why: str) -> tuple[Retried, ...]:
    """Hand over a new run for each; none if the job of one cannot be read.

    They queue: with the overlap policy of their job they could end or skip each other.
    """
    now = place.now()
    jobs = [job_again(view, old, how) for old in found.runs]
    requests = [
        ([run_again(place, view, old, job, now=now)], job) for old, job in zip(found.runs, jobs, strict=True)
    ]
    policy = OverlapPolicy.QUEUE
    new = hand_over_all(place, requests, why=why, now=now, policy=policy, all_steps=how.all_steps)
    return tuple(map(Retried, found.runs, new))
