"""`jobfile why`: the whole story of one expected run."""

import click

from engine.answers.overdue import OVERDUE
from engine.answers.why import why
from engine.cli.naming import subject
from engine.cli.output import facts, print_json, printable
from engine.cli.place import Place, json_option, place_options
from engine.cli.presence import presence_at
from engine.cli.times import parse_instant


@click.command("why")
@click.argument("job_or_run", metavar="JOB or RUN")
@click.argument("time", nargs=-1)
@json_option
@place_options
def command(job_or_run: str, time: tuple[str, ...], *, as_json: bool, place: Place) -> int:
    """Why JOB did or did not run at TIME: schedule, generation, file, overlap, downtime, attempts.

    TIME is as any command prints it, or 02:00 for today, in the job's zone. A RUN has its own.
    """
    asked, now = subject(place, job_or_run), place.now()
    view, job, zone = asked.view, asked.job, asked.zone
    if bool(time) is (asked.run is not None):
        raise click.UsageError("a JOB needs a TIME, and a RUN has its own")
    at = asked.run.scheduled_for if asked.run else parse_instant(" ".join(time), zone, now=now)
    story = why(view, job, at, zone=zone, now=now, presence=presence_at(place, view))
    if as_json:
        print_json(
            {
                "format": 1,
                "job": job,
                "headline": story.headline,
                "is_expected": story.is_expected,
                "state": OVERDUE if story.is_overdue else story.state.value if story.state else None,
                "reason": story.reason,
                "runs": list(story.run_ids),
                "facts": [{"label": label, "text": text} for label, text in story.facts],
            }
        )
        return 0
    click.echo(printable(story.headline))
    if story.facts:
        click.echo("\n" + facts(story.facts))
    return 0
