"""Groups equal changes of several jobs by their cause: one default is one entry, and exceptions stay visible.

Nothing is lost: each changed field of a job is in a group or in the job's own entry, and so is each note.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from jobfile.model.canonical import canonical_json, to_plain
from jobfile.model.dataclass import dataclass
from jobfile.model.jobs import BusinessDayEntry, CalendarSpec, CronEntry, JobSpec, ScheduleEntry
from jobfile.model.namedtuple import NamedTuple
from jobfile.plan.causes import CALENDARS, Cause, cause_of, section_place
from jobfile.plan.values import Action, FieldChange, JobChange, Kind, Plan
from jobfile.plan.wording import notes_of

MANY: Final = 3
"""From this number of jobs on, an equal change is one entry."""

_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class Member(NamedTuple):
    """A job in a group, with its fields that the group shows."""

    change: JobChange
    fields: tuple[FieldChange, ...]


class Note(NamedTuple):
    """A line about some jobs of a group."""

    text: str
    jobs: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """One change of several jobs. `fields` is what changes, for all of them.

    For a calendar, `fields` are those of the calendar; `jobs` are all that use it, and `members` those whose
    schedules change in nothing else.
    """

    fields: tuple[FieldChange, ...]
    cause: Cause | None
    jobs: tuple[str, ...]
    members: tuple[Member, ...] = ()
    notes: tuple[Note, ...] = ()

    @property
    def is_calendar(self) -> bool:
        """Whether a calendar changes, and with it the schedules of its jobs."""
        return self.fields[0].path[0] == CALENDARS


class Own(NamedTuple):
    """A job with an entry of its own: its fields and notes that are in no group, and its fields that are."""

    change: JobChange
    fields: tuple[FieldChange, ...]
    notes: tuple[str, ...]
    grouped: tuple[FieldChange, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Grouped:
    """All changes of a plan: groups first, then the jobs that are not fully in groups."""

    groups: tuple[Group, ...]
    own: tuple[Own, ...]


def group_changes(plan: Plan) -> Grouped:
    """The changes of a plan in groups; calendars first, then the largest group.

    Jobs named on the command line are shown in full, so they are in no group.
    """
    groups = _calendars(plan)
    if plan.left_out is not None and plan.left_out.filter.jobs:
        groups = [replace(one, members=()) for one in groups]
    else:
        equal = [_with_schedules(one) for one in _merged(_equal_fields(plan))]
        groups += sorted(equal, key=lambda one: -len(one.jobs))
    own = list(_own(plan.jobs, groups))
    alone = {one.change.name for one in own}
    notes = _shared_notes([one for one in plan.jobs if one.name not in alone], groups)
    groups = [replace(one, notes=tuple(notes.get(at, ()))) for at, one in enumerate(groups)]
    return Grouped(groups=tuple(groups), own=tuple(own))


def _equal_fields(plan: Plan) -> list[Group]:
    """The fields that change alike in several jobs: the same values, from the same place."""
    found: dict[str, tuple[FieldChange, Cause | None, list[JobChange]]] = {}
    for change in plan.jobs:
        if change.before is None or change.after is None:
            continue
        sides = ((plan.before.written, change.before.spec.name), (plan.after.written, change.after.spec.name))
        for field in change.fields:
            if field.is_hidden or field.kind is Kind.SCHEDULE:
                continue
            cause = cause_of(field.path, *sides)
            key = canonical_json([field.path, to_plain(field.before), to_plain(field.after), to_plain(cause)])
            found.setdefault(key, (field, cause, []))[2].append(change)
    return [
        Group(
            fields=(field,),
            cause=cause,
            jobs=tuple(one.name for one in changes),
            members=tuple(Member(one, (field,)) for one in changes),
        )
        for field, cause, changes in found.values()
        if len(changes) >= MANY
    ]


def _merged(groups: Sequence[Group]) -> list[Group]:
    """The groups; those of parts of one key, with the same jobs, are one group."""
    found: dict[object, Group] = {}
    for group in groups:
        section = None if group.cause is None else (group.cause.section, group.cause.is_removed)
        key = (group.fields[0].path[0], group.jobs, section)
        old = found.get(key)
        if old is None:
            found[key] = group
            continue
        members = tuple(
            Member(one, (*fields, *more))
            for (one, fields), (_, more) in zip(old.members, group.members, strict=True)
        )
        found[key] = replace(old, fields=(*old.fields, *group.fields), members=members)
    return list(found.values())


def _with_schedules(group: Group) -> Group:
    """A change of the zone, with the schedules that differ only in it."""
    if group.fields[0].path != ("timezone",):
        return group
    members = (
        Member(one, (*fields, *_schedules(one))) if _follows_zone(one) else Member(one, fields)
        for one, fields in group.members
    )
    return replace(group, members=tuple(members))


def _schedules(change: JobChange) -> tuple[FieldChange, ...]:
    return tuple(field for field in change.fields if field.kind is Kind.SCHEDULE)


def _follows_zone(change: JobChange) -> bool:
    """Whether the schedule is the same in the new zone of the job."""
    before, after = _specs(change)
    moved = [
        replace(one, timezone=after.timezone) if one.timezone == before.timezone else one
        for one in before.schedule
    ]
    return tuple(moved) == after.schedule


def _specs(change: JobChange) -> tuple[JobSpec, JobSpec]:
    assert change.before is not None
    assert change.after is not None
    return change.before.spec, change.after.spec


def _calendars(plan: Plan) -> list[Group]:
    """The calendars that change, each with its jobs; it explains the schedules that differ only in it."""
    found: dict[str, tuple[CalendarSpec, CalendarSpec, list[JobChange]]] = {}
    for change in plan.jobs:
        if change.before is not None and change.after is not None:
            old, new = (_calendars_of(spec) for spec in _specs(change))
            for name in sorted(old.keys() & new.keys()):
                if old[name] != new[name]:
                    found.setdefault(name, (old[name], new[name], []))[2].append(change)
    groups = []
    for name, (before, after, changes) in sorted(found.items()):
        explained = [one for one in changes if _schedules(one) and _follows_calendar(one, after)]
        members = [Member(one, _schedules(one)) for one in explained] if len(explained) >= MANY else []
        groups.append(
            Group(
                fields=tuple(_calendar_fields(before, after)),
                cause=section_place(plan.after.written, CALENDARS, name),
                jobs=tuple(one.name for one in changes),
                members=tuple(members),
            )
        )
    return groups


def _calendars_of(job: JobSpec) -> Mapping[str, CalendarSpec]:
    entries = [one for one in job.schedule if isinstance(one, CronEntry | BusinessDayEntry)]
    return {one.calendar.name: one.calendar for one in entries if one.calendar is not None}


def _follows_calendar(change: JobChange, calendar: CalendarSpec) -> bool:
    """Whether the schedule is the same with the new calendar."""
    before, after = _specs(change)
    return tuple(_with_calendar(one, calendar) for one in before.schedule) == after.schedule


def _with_calendar(entry: ScheduleEntry, calendar: CalendarSpec) -> ScheduleEntry:
    """The entry with a calendar in place of the one with the same name."""
    if not isinstance(entry, CronEntry | BusinessDayEntry) or entry.calendar is None:
        return entry
    return replace(entry, calendar=calendar) if entry.calendar.name == calendar.name else entry


def _calendar_fields(before: CalendarSpec, after: CalendarSpec) -> Iterable[FieldChange]:
    path = (CALENDARS, after.name)
    if before.weekdays != after.weekdays:
        old_days, new_days = (tuple(_DAYS[day] for day in one.weekdays) for one in (before, after))
        yield FieldChange((*path, "weekdays"), old_days, new_days)
    for key, old, new in (("except", before.closed, after.closed), ("also", before.also, after.also)):
        gone, come = (tuple(sorted({*one} - {*other})) for one, other in ((old, new), (new, old)))
        if gone or come:
            yield FieldChange((*path, key), gone, come, Kind.LIST)


def _own(changes: Sequence[JobChange], groups: Sequence[Group]) -> Iterable[Own]:
    """The jobs that groups do not show in full."""
    shown: dict[str, list[FieldChange]] = {}
    for group in groups:
        for member in group.members:
            shown.setdefault(member.change.name, []).extend(member.fields)
    for change in changes:
        grouped = shown.get(change.name, [])
        fields = tuple(one for one in change.fields if one not in grouped)
        is_known = change.runs.is_same or any(one.kind is Kind.SCHEDULE for one in grouped)
        is_plain = change.action is Action.CHANGE and not change.facts.paused
        if fields or not (is_known and is_plain):
            yield Own(change, fields, notes_of(change), tuple(grouped))


def _shared_notes(changes: Sequence[JobChange], groups: Sequence[Group]) -> dict[int, list[Note]]:
    """The notes of jobs without an entry of their own, by the index of the group with most of the jobs."""
    members = [{member.change.name for member in group.members} for group in groups]
    jobs: dict[str, set[str]] = {}
    for change in changes:
        for text in notes_of(change):
            jobs.setdefault(text, set()).add(change.name)
    found: dict[int, list[Note]] = {}
    for text, left in jobs.items():
        while left:
            best = _group_with_most(left, members)
            found.setdefault(best, []).append(Note(text, tuple(sorted(left & members[best]))))
            left -= members[best]
    return found


def _group_with_most(jobs: set[str], members: Sequence[set[str]]) -> int:
    """The index of the group with most of these jobs; of equal ones, the one with fewest other jobs."""
    return min(range(len(members)), key=lambda at: (-len(jobs & members[at]), len(members[at])))
