"""Finds in which respects jobs are late: what engines have recorded, and what none has found yet."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from engine.answers.expected import INSTANT, Item, expected_items
from engine.answers.presence import Presence
from engine.answers.retried import after_retries
from engine.answers.zones import zone_of_job
from engine.core.lateness import (
    Course,
    Known,
    Late,
    LateKind,
    Occurred,
    late,
    late_words,
    local_day,
    success_due,
)
from engine.core.lifecycle import RunState
from engine.ledger.ports import View
from jobfile.model.canonical import spec_from_json

if TYPE_CHECKING:
    from datetime import tzinfo

    from jobfile.model.jobs import JobSpec

SETTLING: Final = timedelta(seconds=15)
"""A job is called late only after this time: the end of a run is recorded a little after it."""
LOOK_BACK: Final = timedelta(days=2)
"""The days whose `done_by` an answer without an engine looks at."""
_DAY: Final = timedelta(days=1)


def find_late(
    view: View, spec: "JobSpec", *, since: datetime, now: datetime, until: datetime | None = None
) -> tuple[Late, ...]:
    """In which respects a job is late: those that began after `since`, and those that still hold."""
    return look_at(view, spec, since=since, now=now, until=until)[0]


def look_at(
    view: View, spec: "JobSpec", *, since: datetime, now: datetime, until: datetime | None = None
) -> tuple[tuple[Late, ...], datetime | None]:
    """In which respects a job is late, and when it will be late next unless it succeeds; None for never.

    With `until`, only the days up to this instant are checked.
    """
    if not spec.enabled:
        return (), None
    known = known_of(view, spec, since=since, now=now, until=until)
    if spec.expect.done_by is not None:  # no day before it was expected
        since = max(since, in_force_since(view, spec.name, now=now, done_by=spec.expect.done_by))
    found = late(spec.name, spec.expect, known, now=now)
    kept = tuple(one for one in found if one.since > since or one.kind is not LateKind.DONE_BY)
    return kept, success_due(spec.expect, known)


def known_of(
    view: View, spec: "JobSpec", *, since: datetime, now: datetime, until: datetime | None = None
) -> Known:
    """What `late` has to know about a job; its occurrences from the day of `since` on, up to `until`."""
    job, expect = spec.name, spec.expect
    pauses = view.pauses_between(job, since=since - 2 * _DAY, until=now)
    began = in_force_since(view, job, now=now)
    is_every = expect.success_every is not None
    return Known(
        zone=spec.timezone,
        since=began,
        last_success=view.lateness.last_success(job, before=now) if is_every else None,
        resumed_at=_last_resume(view, job, began, now) if is_every else None,
        pauses=pauses,
        occurrences=(
            _occurrences(view, job, since - 2 * _DAY, min(now, until or now))
            if expect.done_by is not None
            else ()
        ),
        courses=_courses(view, job) if expect.max_duration is not None else (),
    )


def in_force_since(view: View, job: str, *, now: datetime, done_by: str = "") -> datetime:
    """Since when a job is in force and enabled, without a break; now, if it is not.

    With `done_by`, since when that is expected of it.
    """
    began, before = now, None
    for version in reversed(view.job_versions(job)):
        text = view.definition_text(version.digest)
        spec = None if text is None else spec_from_json(text)
        is_enabled = spec is not None and spec.enabled and done_by in ("", spec.expect.done_by)
        is_next = before is None or version.ended_at == before
        if not is_enabled or not is_next or version.applied_at is None:
            break
        began = before = version.applied_at
    return began


def _last_resume(view: View, job: str, since: datetime, now: datetime) -> datetime | None:
    ends = [pause.end for pause in view.pauses_between(job, since=since, until=now)]
    return max((at for at in ends if at is not None and at <= now), default=None)


def _occurrences(view: View, job: str, since: datetime, now: datetime) -> Sequence[Occurred]:
    found = []
    for item in expected_items(view, job, since=since, until=now + INSTANT, now=now):
        if not item.is_scheduled or (item.run is not None and item.run.retry_of is not None):
            continue
        found.append(_occurred(after_retries(view, item, job), item.scheduled_for))
    return found


def _occurred(item: Item, at: datetime) -> Occurred:
    is_paused = item.run is None and item.due_at is None and bool(item.detail) and item.schedule is not None
    if item.state is RunState.SKIPPED or item.pruned_at is not None or is_paused:
        return Occurred(at, is_excused=True)
    if item.state is not RunState.SUCCEEDED:
        return Occurred(at)
    ends = [run.ended_at for run in item.runs if run.ended_at is not None]
    return Occurred(at, done_at=max(ends), is_excused=False) if ends else Occurred(at, is_excused=True)


def _courses(view: View, job: str) -> Sequence[Course]:
    return [
        Course(run.id, run.started_at, run.ended_at, run.scheduled_for)
        for run in view.lateness.active_runs()
        if run.job == job and run.started_at is not None
    ]


def late_now(
    view: View, presence: Presence, *, now: datetime, job: str | None = None
) -> Mapping[str, tuple[Late, ...]]:
    """In which respects each job in force is late now, oldest first; a paused job is not.

    Without an engine that could have found it, it is found here, with the same decision.
    """
    versions = view.jobs_in_force() if job is None else (view.job_in_force(job),)
    in_force = {one.job: one.digest for one in versions if one is not None}
    paused = {one.job for one in view.pauses_between(job, since=now, until=now) if one.holds_at(now)}
    found: dict[str, dict[tuple[str, str], Late]] = {}
    for one in view.lateness.open(job):
        if one.job in in_force and one.job not in paused:
            found.setdefault(one.job, {})[one.kind, one.about] = one
    for name, text in _definitions(view, in_force, job).items() if presence.is_idle else ():
        if name in paused or '"expect":' not in text:
            continue
        spec = spec_from_json(text)
        recorded = found.get(name, {})
        for one in find_late(view, spec, since=now - LOOK_BACK, now=now):
            success = view.lateness.last_success(name, before=now)
            if success is None or success <= one.since:
                found.setdefault(name, {}).setdefault((one.kind, one.about), one)
        for key in [key for key, one in recorded.items() if _is_over(view, one, now)]:
            del found[name][key]
    return {
        name: tuple(sorted(lateness.values(), key=lambda one: (one.since, one.kind)))
        for name, lateness in sorted(found.items())
        if lateness
    }


def _definitions(view: View, in_force: Mapping[str, str], job: str | None) -> Mapping[str, str]:
    """The canonical texts of jobs in force: one query, however many jobs there are."""
    if job is not None:
        texts = {name: view.definition_text(digest) for name, digest in in_force.items()}
        return {name: text for name, text in texts.items() if text is not None}
    return {one.job: one.text for one in view.newest_definitions() if in_force.get(one.job) == one.digest}


def _is_over(view: View, one: Late, now: datetime) -> bool:
    success = view.lateness.last_success(one.job, before=now)
    return success is not None and success > one.since and one.found_at is not None and success > one.found_at


def late_of_item(view: View, job: str, item: Item, presence: Presence, *, now: datetime) -> tuple[Late, ...]:
    """In which respects the expected run was late: its day, or its own duration."""
    version = view.job_in_force(job)
    text = (view.definition_text(version.digest) if version is not None else None) or ""
    spec = spec_from_json(text) if '"expect":' in text else None
    at = item.scheduled_for
    ids = {run.id for run in item.runs}
    known = {
        (one.kind, one.about): one
        for one in view.lateness.between(job, since=at, until=now + INSTANT)
        if one.run_id in ids or one.kind is LateKind.DONE_BY
    }
    if spec is not None and presence.is_idle:
        for one in find_late(view, spec, since=at - INSTANT, until=at + 2 * _DAY, now=now):
            known.setdefault((one.kind, one.about), one)
    day = local_day(at, "UTC" if spec is None else spec.timezone).isoformat()
    is_late_day = {
        one: one.kind is LateKind.DONE_BY and one.about == day and _is_bad(item, one.since)
        for one in known.values()
    }
    return tuple(one for one, is_day in is_late_day.items() if one.run_id in ids or is_day)


def _is_bad(item: Item, by: datetime) -> bool:
    """Whether an occurrence is one of those that had not succeeded in time."""
    if not item.is_scheduled:
        return False
    one = _occurred(item, item.scheduled_for)
    return one.at < by and not one.is_excused and (one.done_at is None or one.done_at > by)


def item_late_words(
    view: View, job: str, item: Item, presence: Presence, *, zone: "tzinfo", now: datetime
) -> tuple[str, ...]:
    """Why an expected run is late, in words."""
    ends = [run.ended_at for run in item.runs if run.state.is_final and run.ended_at is not None]
    until = max(ends) if ends and len(ends) == len(item.runs) else None
    found = late_of_item(view, job, item, presence, now=now)
    return tuple(late_words(one, zone=zone, now=now, until=until if one.run_id else None) for one in found)


def late_words_of(
    view: View, job: str, presence: Presence, *, zone: "tzinfo", now: datetime
) -> tuple[str, ...]:
    """In which respects a job is late now, in words."""
    lateness = late_now(view, presence, now=now, job=job).get(job, ())
    return tuple(late_words(one, zone=zone, now=now) for one in lateness)


def late_jobs(view: View, presence: Presence, *, now: datetime) -> Mapping[str, tuple[str, ...]]:
    """The jobs that are late now, each with the words in its zone."""
    return {
        name: tuple(late_words(one, zone=zone_of_job(view, name), now=now) for one in lateness)
        for name, lateness in late_now(view, presence, now=now).items()
    }
