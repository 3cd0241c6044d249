"""Answers of `list`: every job with its last results, its next time, its pause, its owner and its tags.

What a row shows comes from one query for each column, however many jobs there are.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from typing import TYPE_CHECKING, Final, Self

from engine.answers.as_json import iso
from engine.answers.choice import ALL, UNKNOWN, Choice, Labels, known_labels, unknown_word
from engine.answers.expected import INSTANT, item_of, pause_at, start_of
from engine.answers.lateness import late_jobs
from engine.answers.overdue import OVERDUE, is_overdue
from engine.answers.presence import GRACE, Presence
from engine.answers.shared_fires import SharedFires
from engine.core.lifecycle import RunState
from engine.core.occurrences import newest_of_each
from engine.core.records import Gap, Pause, Schedule
from engine.core.vocabulary import instant_text
from engine.ledger.ports import View
from engine.transactions.pause import holding
from jobfile.model.catalog import Catalog, CompiledJob
from jobfile.model.dataclass import dataclass
from jobfile.model.jobs import ScheduleEntry
from jobfile.model.namedtuple import NamedTuple

if TYPE_CHECKING:
    from jobfile.schedule.occurrences import Fire

MARKS: Final = 10
"""Number of last results shown of each job."""

NO_STATE: Final = "none"
"""The state of a job that has no expected run yet."""

STATES: Final = (*(state.value for state in RunState), OVERDUE, NO_STATE)
"""The states that a job in the list can have."""

NOT_APPLIED: Final = "not applied yet"
CHANGED: Final = "changed in the file, not applied yet"
REMOVED: Final = "removed from the file, not applied yet"
UNREADABLE: Final = "its definition cannot be read:  jobfile doctor"
UNSETTLED: Final = "its process has ended, and no engine has recorded that"

_FAR: Final = datetime(9999, 1, 1, tzinfo=UTC)


class Mark(NamedTuple):
    """One result: the state of an expected run, or overdue."""

    at: datetime
    state: str
    run_id: str = ""
    """Empty without a run."""


class WrittenJob(NamedTuple):
    """What a list needs of a job of the files: a process that keeps thousands of them keeps no more."""

    name: str
    digest: str
    labels: Labels
    schedule: tuple[ScheduleEntry, ...]
    """Empty if the job is disabled."""

    @classmethod
    def of(cls, job: CompiledJob) -> Self:
        """That of a compiled job."""
        spec = job.spec
        return cls(spec.name, job.digest, Labels.of(spec), tuple(spec.schedule) if spec.enabled else ())


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedJob:
    """A job of the list. `marks` are its last results, oldest first."""

    job: str
    labels: Labels
    marks: tuple[Mark, ...]
    next_at: datetime | None
    """When its schedule has the next run that a pause does not prevent."""
    pause: Pause | None
    is_in_force: bool
    notes: tuple[str, ...]
    late: tuple[str, ...] = ()
    """In which respects it is late, in words."""

    @property
    def state(self) -> str:
        """The newest result."""
        return self.marks[-1].state if self.marks else NO_STATE

    def pause_words(self, zone: tzinfo) -> str:
        """Who paused it, until when and why; empty if it is not paused."""
        pause = self.pause
        if pause is None:
            return ""
        until = f" until {instant_text(pause.until, zone)}" if pause.until else ""
        why = f": {pause.reason}" if pause.reason else ""
        return f"paused by {pause.actor}{until}{why}"


@dataclass(frozen=True, slots=True, kw_only=True)
class JobList:
    """The chosen jobs by name. `has_file` is false if the files cannot be read or have errors."""

    jobs: tuple[ListedJob, ...]
    now: datetime
    presence: Presence
    has_file: bool | None
    """None if the files were not compared: the engine follows commits, or they are not known yet."""
    main_file: str
    is_filtered: bool
    unknown: str = ""
    """A tag or an owner of the choice that no job has, as a sentence."""


class _Ahead(NamedTuple):
    """A schedule in force, and its first instant that no engine has accounted for."""

    schedule: Schedule
    first: "Fire | None"
    shared: SharedFires

    def next_at(self, after: datetime) -> datetime | None:
        """The first instant after this one."""
        is_it = self.schedule.covered_until <= after and (self.first is None or self.first.at > after)
        fire = self.first if is_it else self.shared.first(self.schedule.entries, after=after)
        return None if fire is None else fire.at


class _Known(NamedTuple):
    """What the ledger says about all jobs, by job."""

    in_force: Mapping[str, str]
    """The digests of the jobs in force."""
    labels: Mapping[str, Labels]
    marks: Mapping[str, Sequence[Mark]]
    schedules: Mapping[str, Sequence["_Ahead"]]
    pauses: Mapping[str, Pause]
    fates: Mapping[str, str]
    """The runs whose process is gone, by id."""
    late: Mapping[str, tuple[str, ...]] = {}
    """In which respects jobs are late, in words."""


def list_jobs(
    view: View | None,
    file: Catalog | Sequence[WrittenJob] | None,
    *,
    presence: Presence,
    now: datetime,
    has_file: bool | None,
    main_file: str,
    choice: Choice = ALL,
    states: Sequence[str] = (),
    marks: int = MARKS,
) -> JobList:
    """The jobs in force and those of the files, by choice and states, with as many last results."""
    jobs = map(WrittenJob.of, file.jobs) if isinstance(file, Catalog) else file or ()
    written = {one.name: one for one in jobs}
    if view is None:
        known = _Known({}, {}, {}, {}, {}, {})
    else:
        with view.soundness.snapshot():  # all columns of one moment: an engine may write meanwhile
            known = _known(view, written, presence=presence, now=now, limit=marks)
    names = sorted({*known.in_force, *written})
    listed = [
        _listed(name, known, written, now=now, is_compared=file is not None, limit=marks) for name in names
    ]
    chosen = [one for one in listed if choice.fits(one.labels) and (not states or one.state in states)]
    return JobList(
        jobs=tuple(chosen),
        now=now,
        presence=presence,
        has_file=has_file,
        main_file=main_file,
        is_filtered=bool(states) or not choice.is_all,
        unknown=unknown_word(choice, (one.labels for one in listed)),
    )


def last_marks(
    view: View, jobs: Collection[str], *, presence: Presence, now: datetime, limit: int
) -> Mapping[str, Sequence[Mark]]:
    """The last recorded results of some jobs, oldest first: for a list that shows a part of all jobs."""
    with view.soundness.snapshot():
        return _marks(view, sorted(jobs), presence=presence, now=now, limit=limit)


def list_to_json(found: JobList) -> dict[str, object]:
    """The answer as JSON data."""
    presence = found.presence
    return {
        "format": 1,
        "now": found.now.isoformat(),
        "engine": {
            "running": presence.is_running,
            "since": iso(presence.since),
            "trouble": presence.trouble or None,
        },
        "file_valid": found.has_file,
        "jobs": [_job_to_json(one) for one in found.jobs],
    }


def _job_to_json(one: ListedJob) -> dict[str, object]:
    last = one.marks[-1] if one.marks else None
    pause = one.pause
    return {
        "job": one.job,
        "state": one.state,
        "scheduled_for": None if last is None else last.at.isoformat(),
        "run": None if last is None else last.run_id or None,
        "last": [mark.state for mark in one.marks],
        "next_at": iso(one.next_at),
        "starts": list(one.labels.starts),
        "paused": {
            "by": pause.actor,
            "why": pause.reason or None,
            "since": pause.paused_at.isoformat(),
            "until": iso(pause.until),
        }
        if pause is not None
        else None,
        "title": one.labels.title or None,
        "owner": one.labels.owner or None,
        "tags": list(one.labels.tags),
        "timezone": one.labels.timezone,
        "in_force": one.is_in_force,
        "late": list(one.late),
        "notes": list(one.notes),
    }


def _known(view: View, written: Iterable[str], *, presence: Presence, now: datetime, limit: int) -> _Known:
    in_force = {one.job: one.digest for one in view.jobs_in_force()}
    names = sorted({*in_force, *written})
    schedules: dict[str, list[_Ahead]] = defaultdict(list)
    shared = SharedFires()
    for one in view.soundness.schedules_in_force():
        first = shared.first(one.entries, after=one.covered_until)
        schedules[one.job].append(_Ahead(one, first, shared))
    marks = _marks(view, names, presence=presence, now=now, limit=limit)
    for job, mark in _overdue_marks(view, schedules, now=now):
        marks[job].append(mark)
    return _Known(
        in_force=in_force,
        labels=known_labels(view),
        marks=marks,
        schedules=schedules,
        pauses={pause.job: pause for pause in holding(view, now)},
        fates=presence.fates,
        late=late_jobs(view, presence, now=now),
    )


def _marks(
    view: View, names: Sequence[str], *, presence: Presence, now: datetime, limit: int
) -> dict[str, list[Mark]]:
    """The last results of each job that the ledger has recorded, oldest first."""
    found: dict[str, list[Mark]] = defaultdict(list)
    runs = view.last_runs(names, limit=limit)
    since = min((run.scheduled_for for run in runs), default=_FAR)
    again = {run.retry_of: run for run in view.retries_between(since=since, until=_FAR)}
    for run in runs:
        last = run
        while last.id in again:  # the last of several retries counts, as in every answer
            last = again[last.id]
        item = item_of(*newest_of_each(view.runs_of(run.occurrence))) if run.occurrence else item_of(last)
        state = OVERDUE if is_overdue(item, presence, now) else item.state.value
        found[run.job].append(Mark(run.scheduled_for, state, "" if item.run is None else item.run.id))
    for gap in view.last_gaps(names, limit=limit):
        found[gap.job] += _gap_marks(gap, limit)
    for marks in found.values():
        marks.sort(key=lambda mark: mark.at)
    return found


def _gap_marks(gap: Gap, limit: int) -> list[Mark]:
    """The results of a gap record, at its last instant: no run of the schedule is inside the record."""
    return [Mark(gap.last_at, gap.state.value)] * min(gap.count, limit)


def _overdue_marks(
    view: View, schedules: Mapping[str, Sequence[_Ahead]], *, now: datetime
) -> list[tuple[str, Mark]]:
    """A mark for each job with an overdue occurrence that no engine has decided about."""
    covered = [one.schedule.covered_until for listed in schedules.values() for one in listed]
    pauses: dict[str, list[Pause]] = defaultdict(list)
    for pause in view.pauses_between(None, since=min(covered, default=now), until=now):
        pauses[pause.job].append(pause)
    found = []
    for job, listed in schedules.items():
        at = min(filter(None, (_overdue_since(one, pauses[job], now) for one in listed)), default=None)
        if at is not None:
            found.append((job, Mark(at, OVERDUE)))
    return found


def _overdue_since(ahead: _Ahead, pauses: Sequence[Pause], now: datetime) -> datetime | None:
    """The first overdue occurrence of a schedule; pauses are skipped in one step each."""
    schedule, fire = ahead.schedule, ahead.first
    while fire is not None and fire.at <= now - GRACE:
        pause = pause_at(pauses, fire.at)
        if pause is None:
            return fire.at if now - start_of(schedule, fire) > GRACE else None
        if pause.end is None:
            return None
        fire = ahead.shared.first(schedule.entries, after=pause.end - INSTANT)
    return None


def _next_fire(entries: Sequence[ScheduleEntry], after: datetime) -> "Fire | None":
    from jobfile.schedule.occurrences import next_fire  # noqa: PLC0415  start-up time: only where instants are computed

    return next_fire(entries, after=after) if entries else None


def _listed(
    name: str,
    known: _Known,
    written: Mapping[str, WrittenJob],
    *,
    now: datetime,
    is_compared: bool,
    limit: int,
) -> ListedJob:
    in_file = written.get(name)
    is_in_force = name in known.in_force
    pause = known.pauses.get(name)
    after = _after(pause, now)
    if is_in_force:
        labels = known.labels.get(name, UNKNOWN)
        coming = [one.next_at(after) for one in known.schedules.get(name, ()) if after is not None]
    else:
        assert in_file is not None
        labels = in_file.labels
        fire = _next_fire(in_file.schedule, after) if after else None
        coming = [None if fire is None else fire.at]
    marks = tuple(known.marks.get(name, ())[-limit:])
    notes = [UNSETTLED] if marks and marks[-1].run_id in known.fates else []
    notes += [UNREADABLE] if labels is UNKNOWN else []
    notes += _notes(known.in_force.get(name), in_file) if is_compared else ()
    return ListedJob(
        job=name,
        labels=labels,
        marks=marks,
        next_at=min(filter(None, coming), default=None),
        pause=pause,
        is_in_force=is_in_force,
        notes=tuple(notes),
        late=known.late.get(name, ()),
    )


def _after(pause: Pause | None, now: datetime) -> datetime | None:
    """The instant after which the next time of a job is sought; None while it is paused without an end."""
    if pause is None:
        return now
    return None if pause.end is None else max(now, pause.end - INSTANT)


def _notes(applied: str | None, written: WrittenJob | None) -> tuple[str, ...]:
    """How the files differ from what is in force."""
    if written is None:
        return (REMOVED,)
    if applied is None:
        return (NOT_APPLIED,)
    return () if applied == written.digest else (CHANGED,)
