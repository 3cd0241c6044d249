"""Invariant I12: `why` has an answer for every instant. Some instants of each job are checked.

The instants are chosen by a rule and not at random, so the same ledger gives the same findings.
"""

from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from typing import Final

from engine.answers.expected import INSTANT, NOT_ACCOUNTED
from engine.answers.findings import Finding, limited
from engine.answers.invariants.coverage import REPORT_IT
from engine.answers.why import why
from engine.core.records import Schedule
from engine.ledger.ports import View
from jobfile.schedule.occurrences import fire_at, load_zone, next_fire

MAX_SCHEDULES: Final = 100
"""Maximum number of schedules to check: the newest of each job."""

PARTS: Final = 4
"""The life of a schedule is cut into this number of parts; one instant of each is checked."""


def check_stories(view: View, *, now: datetime) -> Iterator[Finding]:
    """Instants for which `why` fails or does not know that a run was expected."""
    newest = (view.soundness.schedules(key)[-1:] for key in view.soundness.set_keys())
    chosen = islice((one for found in newest for one in found), MAX_SCHEDULES)
    yield from limited(finding for schedule in chosen for finding in _check(view, schedule, now))


def _check(view: View, schedule: Schedule, now: datetime) -> Iterator[Finding]:
    for at in sorted(_instants(schedule, now)):
        trouble = _trouble(view, schedule, at, now)
        if trouble:
            yield Finding(
                code="invariant.I12",
                found=f"`why` for {at:%Y-%m-%dT%H:%M:%SZ} {trouble}",
                help=f"`jobfile why {schedule.job} {at:%Y-%m-%dT%H:%M:%SZ}` shows it; {REPORT_IT}",
                job=schedule.job,
            )


def _instants(schedule: Schedule, now: datetime) -> set[datetime]:
    begin, end = schedule.active_from, min(schedule.covered_until, now)
    found = {min(begin, now), end, now}
    for part in range(PARTS):
        fire = next_fire(schedule.entries, after=begin + (end - begin) * part / PARTS)
        if fire is not None and fire.at <= end:
            found.add(fire.at)
    return found


def _trouble(view: View, schedule: Schedule, at: datetime, now: datetime) -> str:
    zone = load_zone("UTC")
    assert zone is not None
    try:
        story = why(view, schedule.job, at, zone=zone, now=now)
    except Exception as error:  # noqa: BLE001  any failure is a finding
        return f"fails: {type(error).__name__}"
    if not story.headline or (story.state is None and not story.reason):
        return "says nothing"
    is_known = story.is_expected and story.reason != NOT_ACCOUNTED
    return "does not know what happened to it" if not is_known and _is_owed(view, schedule, at) else ""


def _is_owed(view: View, schedule: Schedule, at: datetime) -> bool:
    """Whether this schedule accounts for an instant, and no other schedule does.

    After a clock was corrected, a schedule of the next clock epoch may name the same instant again.
    """
    is_covered = schedule.active_from < at <= schedule.covered_until
    in_force = view.schedules_between(schedule.job, since=at, until=at + INSTANT)
    return is_covered and fire_at(schedule.entries, at) is not None and len(in_force) == 1
