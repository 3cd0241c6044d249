"""Decides when a job is late: no success by a time of day or for too long, or a run that takes too long."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta, tzinfo
from enum import StrEnum
from functools import lru_cache
from typing import Final

from engine.core.records import Pause
from engine.core.vocabulary import instant_text, seconds_text, zone_text
from jobfile.model.expectations import ExpectSpec
from jobfile.model.jobs import CronEntry
from jobfile.model.namedtuple import NamedTuple
from jobfile.schedule.zones import load_zone

_DAY = timedelta(days=1)
_AROUND_A_DAY = 2 * _DAY
"""More than any local midnight can differ from UTC midnight of the same date."""


class LateKind(StrEnum):
    """Which expectation is not met; the words of the language."""

    DONE_BY = "done_by"
    SUCCESS_EVERY = "success_every"
    MAX_DURATION = "max_duration"


LATE_WORDS: Final = {
    LateKind.DONE_BY: "no success by its `done_by`",
    LateKind.SUCCESS_EVERY: "no success within its `success_every`",
    LateKind.MAX_DURATION: "a run takes longer than its `max_duration`",
}
"""What each kind means, in a line of the engine's log."""


class Late(NamedTuple):
    """A job is late. (job, kind, about) is its identity: the ledger has one record of each."""

    job: str
    kind: LateKind
    about: str
    """The local day, the instant from which the time without a success counts, or the id of the run."""
    since: datetime
    """When it became true."""
    limit: timedelta | None = None
    scheduled_for: datetime | None = None
    """The first run of the day that did not succeed in time."""
    run_id: str = ""
    found_at: datetime | None = None
    """When an engine found it; None while none has."""
    over_at: datetime | None = None
    """When a success ended it."""


class Occurred(NamedTuple):
    """A scheduled occurrence, and when its run succeeded."""

    at: datetime
    done_at: datetime | None = None
    is_excused: bool = False
    """It was not to run, or its end is no longer known."""


class Course(NamedTuple):
    """A run that has started."""

    run_id: str
    started_at: datetime
    ended_at: datetime | None = None
    scheduled_for: datetime | None = None


class Known(NamedTuple):
    """What is known about a job: what `late` depends on."""

    zone: str
    since: datetime
    """Since when it is in force and enabled."""
    last_success: datetime | None = None
    resumed_at: datetime | None = None
    pauses: Sequence[Pause] = ()
    occurrences: Sequence[Occurred] = ()
    courses: Sequence[Course] = ()


def late(job: str, expect: ExpectSpec, known: Known, *, now: datetime) -> tuple[Late, ...]:
    """In which respects a job is late now, or was on its days. A paused job is not late."""
    if _is_paused(known, now):
        return ()
    found = [*_late_days(job, expect, known, now), *_late_runs(job, expect, known, now)]
    due = success_due(expect, known)
    if due is not None and due <= now:
        about = (due - (expect.success_every or _DAY)).isoformat()
        found.append(Late(job, LateKind.SUCCESS_EVERY, about, due, limit=expect.success_every))
    return tuple(one for one in found if not _is_paused(known, one.since))


def success_due(expect: ExpectSpec, known: Known) -> datetime | None:
    """When the job becomes late unless it succeeds before; None without that expectation."""
    if expect.success_every is None:
        return None
    counted = (known.since, known.last_success, known.resumed_at)
    return max(one for one in counted if one is not None) + expect.success_every


def deadline_of(done_by: str, zone: str, day: date) -> datetime | None:
    """The instant of a local time on a day, as a schedule finds it: after a gap, or at its first pass."""
    return _deadline(done_by, zone, day)


@lru_cache(maxsize=4096)
def _deadline(done_by: str, zone: str, day: date) -> datetime | None:
    hour, minute = (int(part) for part in done_by.split(":"))
    entry = CronEntry(cron=f"{minute} {hour} * * *", timezone=zone, from_day=day, until_day=day)
    loaded = load_zone(zone)
    assert loaded is not None, f"zone {zone} was checked"
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=loaded)
    from jobfile.schedule.occurrences import fires  # noqa: PLC0415  start-up time: only for a `done_by`

    found = next(fires((entry,), after=noon - _AROUND_A_DAY, until=noon + _AROUND_A_DAY), None)
    return None if found is None else found.at


def next_deadline(done_by: str, zone: str, *, after: datetime) -> datetime:
    """The first deadline after an instant."""
    loaded = load_zone(zone)
    assert loaded is not None, f"zone {zone} was checked"
    day = after.astimezone(loaded).date() - _DAY
    while True:
        found = deadline_of(done_by, zone, day)
        if found is not None and found > after:
            return found
        day += _DAY


def local_day(at: datetime, zone: str) -> date:
    """The day on which an occurrence is."""
    loaded = load_zone(zone)
    assert loaded is not None, f"zone {zone} was checked"
    return at.astimezone(loaded).date()


def _late_days(job: str, expect: ExpectSpec, known: Known, now: datetime) -> Iterator[Late]:
    if expect.done_by is None:
        return
    by_day: dict[date, list[Occurred]] = defaultdict(list)
    for one in known.occurrences:
        by_day[local_day(one.at, known.zone)].append(one)
    for day, occurred in sorted(by_day.items()):
        by = deadline_of(expect.done_by, known.zone, day)
        if by is None or by > now:
            continue
        bad = [
            one.at
            for one in occurred
            if one.at < by and not one.is_excused and (one.done_at is None or one.done_at > by)
        ]
        if bad:
            yield Late(job, LateKind.DONE_BY, day.isoformat(), by, scheduled_for=min(bad))


def _late_runs(job: str, expect: ExpectSpec, known: Known, now: datetime) -> Iterator[Late]:
    limit = expect.max_duration
    for one in known.courses if limit is not None else ():
        found = long_run(job, limit, one, now=now)
        if found is not None:
            yield found


def long_run(job: str, limit: timedelta | None, course: Course, *, now: datetime) -> Late | None:
    """A run that takes longer than it should; None while it does not."""
    if limit is None or (course.ended_at or now) - course.started_at <= limit:
        return None
    since = course.started_at + limit
    at = course.scheduled_for
    return Late(
        job, LateKind.MAX_DURATION, course.run_id, since, limit=limit, scheduled_for=at, run_id=course.run_id
    )


def _is_paused(known: Known, at: datetime) -> bool:
    return any(pause.holds_at(at) for pause in known.pauses)


def late_words(one: Late, *, zone: tzinfo, now: datetime, until: datetime | None = None) -> str:
    """Why a job is late: `late: no success by 06:30 CET`. `until` is when its run ended."""
    if one.kind is LateKind.DONE_BY:
        by = one.since.astimezone(zone)
        is_today = by.date() == now.astimezone(zone).date()
        return f"late: no success by {f'{by:%H:%M} {zone_text(by)}' if is_today else instant_text(by, zone)}"
    if one.limit is None:
        return "late"  # its row was altered: every other kind has a limit
    end = until or one.over_at or now
    length = seconds_text((end - (one.since - one.limit)).total_seconds())
    limit = seconds_text(one.limit.total_seconds())
    if one.kind is LateKind.SUCCESS_EVERY:
        return f"late: no success for {length} (limit {limit})"
    return f"late: {'ran' if until or one.over_at else 'running for'} {length} (limit {limit})"
