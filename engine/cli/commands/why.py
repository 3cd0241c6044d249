"""`jobfile why`: everything known about one expected run."""

from collections.abc import Sequence
from dataclasses import replace

import click

from engine.answers.why import Story, story_to_json, story_to_text
from engine.asking.naming import subject
from engine.asking.place import Place
from engine.asking.questions import ask_why
from engine.cli.exit_codes import GOOD
from engine.cli.output import print_json, print_text, style_of, width
from engine.cli.place import json_option, place_options
from engine.cli.showing import last_lines
from engine.core.lifecycle import Attempt, AttemptState

LINES = 10
"""Number of lines of the run's output at the end of its story."""


@click.command("why")
@click.argument("run_or_job", metavar="RUN or JOB")
@click.argument("time", nargs=-1)
@json_option
@place_options
def command(run_or_job: str, time: tuple[str, ...], *, as_json: bool, place: Place) -> int:
    """Why JOB did or did not run: schedule, generation, file, overlap, downtime, attempts, last lines.

    Without TIME: the newest expected run. TIME is a time as any command prints it, 8:00 for today, or a day
    (2026-11-23, yesterday) for its worst run; in the job's zone unless it names another. A RUN is named by
    the beginning of its id, and needs no TIME. To see whether it succeeded: jobfile did.
    """
    named = subject(place, run_or_job)
    story = ask_why(place, named, " ".join(time))
    story = replace(story, last_lines=_last_lines(place, story))
    if as_json:
        print_json(story_to_json(story))
    else:
        style = style_of()
        print_text(story_to_text(story, width=width(), style=style), style)
    return GOOD


def _last_lines(place: Place, story: Story) -> tuple[str, ...]:
    """The last lines of the output, if it is still kept; with several runs, of the last one."""
    attempts = [one for details in story.details for one in details.attempts]
    if not attempts:
        return ()
    return last_lines(place.config.attempt_dir(_shown_attempt(attempts).key), count=LINES)


def _shown_attempt(attempts: Sequence[Attempt]) -> Attempt:
    """The attempt whose output matters most: of several steps, one that did not succeed, or the last."""
    last = attempts[-1].run_id
    own = [one for one in attempts if one.run_id == last]
    if not own[0].step:
        return own[-1]
    newest = {(one.step, one.item): one for one in own}.values()
    bad = [one for one in newest if one.ended_at is not None and one.state is not AttemptState.SUCCEEDED]
    return max(bad or own, key=lambda one: one.created_at)
