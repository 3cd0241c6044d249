"""Everything known about one expected run."""

from collections.abc import Sequence
from dataclasses import replace

from engine.answers.asked import Asked
from engine.answers.why import Story, why, why_day, why_newest, why_run
from engine.asking.naming import Subject, subject
from engine.asking.place import Place
from engine.asking.times import named_day, parse_instant
from engine.core.errors import WrongUsageError
from engine.core.lifecycle import Attempt, AttemptState
from engine.execution.attempt_output import output_of
from engine.execution.output_text import tail_of
from engine.ledger.ports import View
from engine.service.presence import presence_at

LINES = 10
"""Number of lines of the run's output at the end of its story."""


def ask_why(place: Place, run_or_job: str, time: str) -> Story:
    """The story of a run, or of the run of a job at a time; without a time, of the newest one."""
    named = subject(place, run_or_job)
    if time and named.run is not None:
        raise WrongUsageError("a RUN needs no TIME")
    with named.at_one_moment() as current:
        story = _story(place, current, time)
    return replace(story, last_lines=_last_lines(place, named.view, story))


def _story(place: Place, named: Subject, time: str) -> Story:
    view, job, zone = named.view, named.job, named.zone
    now = place.now()
    asked = Asked(view=view, job=job, zone=zone, now=now, presence=presence_at(place.config, view, now=now))
    if named.run is not None:
        return why_run(asked, named.run)
    if not time:
        return why_newest(asked)
    day = named_day(time, zone, now=now)
    if day is not None:
        return why_day(asked, day)
    at = parse_instant(time, zone, now=now)
    return why(view, job, at, zone=zone, now=now, presence=asked.presence)


def _last_lines(place: Place, view: View, story: Story) -> tuple[str, ...]:
    """The last lines of the output, if it is still kept; with several runs, of the last one."""
    attempts = [one for details in story.details for one in details.attempts]
    if not attempts:
        return ()
    return tail_of(output_of(place.config, shown_attempt(attempts).key, view.pieces), count=LINES)


def shown_attempt(attempts: Sequence[Attempt]) -> Attempt:
    """The attempt whose output matters most: of several steps, one that did not succeed, or the last."""
    last = attempts[-1].run_id
    own = [one for one in attempts if one.run_id == last]
    if not own[0].step:
        return own[-1]
    newest = {(one.step, one.item): one for one in own}.values()
    bad = [one for one in newest if one.ended_at is not None and one.state is not AttemptState.SUCCEEDED]
    return max(bad or own, key=lambda one: one.created_at)
