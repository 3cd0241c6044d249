"""`jobfile why`: the whole story of one expected run."""

import click

from engine.answers.overdue import OVERDUE
from engine.answers.why import why
from engine.cli.output import facts, print_json, printable
from engine.cli.place import Place, job_known, json_option, place_options
from engine.cli.presence import presence_at
from engine.cli.times import parse_instant, zone_of_job


@click.command("why")
@click.argument("job")
@click.argument("time")
@json_option
@place_options
def command(job: str, time: str, *, as_json: bool, place: Place) -> int:
    """Why JOB did or did not run at TIME: schedule, generation, file, overlap, downtime, attempts.

    TIME is 2026-11-23T02:00, or 02:00 for today, in the job's zone; Z or an offset may follow.
    """
    view, now = place.view(), place.now()
    job_known(view, job)
    zone = zone_of_job(view, job)
    at = parse_instant(time, zone, now=now)
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
