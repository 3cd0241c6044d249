"""An equal change of several jobs as text: the change once, with its cause, its jobs and their runs."""

from collections.abc import Sequence
from datetime import datetime
from textwrap import wrap
from typing import Final

from jobfile.diagnostics.excerpt import visible
from jobfile.model.counts import many
from jobfile.plan.causes import Cause
from jobfile.plan.groups import Group, Note
from jobfile.plan.job_text import WIDTH, Look, difference_text, look_for, value_lines
from jobfile.plan.values import Action, FieldChange, JobChange, Kind, Row
from jobfile.plan.wording import SYMBOLS, path_text, side_texts, value_text

JOBS_NAMED: Final = 6
"""Maximum jobs of a group that are named without `--full`."""
RUNS_SHOWN: Final = 5
"""Maximum jobs of a group whose next changed run is shown without `--full`."""


def group_lines(
    group: Group, now: datetime, *, width: int = WIDTH, is_full: bool = False, has_names: bool = False
) -> list[str]:
    """Everything about one group; with `has_names` or `is_full` the names of all its jobs."""
    fields = [one._replace(path=one.path[2:]) for one in group.fields] if group.is_calendar else group.fields
    look = look_for(fields, width=width, is_full=is_full)
    start = f"{SYMBOLS[Action.CHANGE]} {group_title(group)}"
    cause = cause_text(group.cause)
    lines = [f"{start}   ({cause})"] if cause else [start]
    if cause and len(lines[0]) > width:
        lines = [start, f"    ({cause})"]
    if group.is_calendar or change_text(group) is None:
        for field in fields:
            lines += value_lines(field, look)
    names = names_text(group.jobs, is_full=is_full or has_names)
    space = " " * 4
    lines += [f"{space}{line}" for line in wrap(names, width - len(space), break_on_hyphens=False)]
    lines += _run_lines(group, now, look)
    return [*lines, *(f"    {note_text(note, group)}" for note in group.notes)]


def group_title(group: Group) -> str:
    """What changes, in one line: `150 jobs: timeout 30m -> 20m`."""
    if group.is_calendar:
        return f"{path_text(group.fields[0].path[:2])} changed: {calendar_text(group)}"
    jobs = many(len(group.jobs), "job")
    return f"{jobs}: {change_text(group) or path_text(group.fields[0].path[:1])}"


def change_text(group: Group) -> str | None:
    """The old and the new values in one line; None if they are too long for it."""
    texts = [_field_text(field) for field in group.fields]
    text = ", ".join(one or "" for one in texts)
    return None if None in texts or len(text) > WIDTH // 2 else text


def _field_text(field: FieldChange) -> str | None:
    name = path_text(field.path)
    if any(isinstance(side, str) and "\n" in side.strip("\n") for side in (field.before, field.after)):
        return None
    if field.kind is Kind.VALUE:
        return f"{name} {' -> '.join(side_texts(field))}"
    return f"{name} {', '.join(_signed(field))}" if field.kind is Kind.LIST else None


def calendar_text(group: Group) -> str:
    """What changes in a calendar: `added 2 days to except`."""
    parts = []
    for field in group.fields:
        key = path_text(field.path[-1:])
        if field.kind is Kind.LIST:
            for verb, to, days in (("added", "to", field.after), ("removed", "from", field.before)):
                count = len(days) if isinstance(days, tuple) else 0
                parts += [f"{verb} {many(count, 'day')} {to} {key}"] if count else []
        else:
            parts.append(f"{key} {' -> '.join(side_texts(field))}")
    return ", ".join(parts)


def cause_text(cause: Cause | None) -> str:
    """Where the new value is written: `defaults, jobs.yaml:4`."""
    if cause is None or cause.origin is None:
        return "" if cause is None else cause.section
    was = "no longer in " if cause.is_removed else ""
    return f"{was}{cause.section}, {visible(cause.origin.file)}:{cause.origin.line}"


def names_text(jobs: Sequence[str], *, is_full: bool = False) -> str:
    """The names of jobs; the first ones if they are many."""
    shown = jobs if is_full else jobs[:JOBS_NAMED]
    more = len(jobs) - len(shown)
    return ", ".join(map(visible, shown)) + (f" and {more:,} more" if more else "")


def note_text(note: Note, group: Group) -> str:
    """A note and its jobs."""
    if len(note.jobs) == len(group.members):
        return f"{note.text}   (all {len(note.jobs):,} jobs)"
    count = f"{len(note.jobs):,} jobs: " if len(note.jobs) > 1 else ""
    return f"{note.text}   ({count}{names_text(note.jobs)})"


def _signed(field: FieldChange) -> list[str]:
    sides = (("-", field.before), ("+", field.after))
    return [f"{sign} {value_text(one)}" for sign, side in sides if isinstance(side, tuple) for one in side]


def runs_of(group: Group) -> tuple[int, int, dict[str, int]]:
    """The runs in thirty days of the jobs whose schedules the group explains, and how many change."""
    runs = [change.runs for change in _scheduled(group)]
    kinds = {
        "gained": sum(len(one.gained) for one in runs),
        "lost": sum(len(one.lost) for one in runs),
        "moved": sum(len(one.moved) for one in runs),
    }
    return sum(one.count_before for one in runs), sum(one.count_after for one in runs), kinds


def _scheduled(group: Group) -> list[JobChange]:
    return [
        member.change for member in group.members if any(one.kind is Kind.SCHEDULE for one in member.fields)
    ]


def _run_lines(group: Group, now: datetime, look: Look) -> list[str]:
    """The runs of the group's jobs in thirty days, and the first changed run of some of them."""
    changes = _scheduled(group)
    if not changes:
        return []
    before, after, kinds = runs_of(group)
    parts = [f"{count:,} {word}" for word, count in kinds.items() if count]
    lines = [f"    fires in 30 days  {before:,} -> {after:,}" + (f"   ({', '.join(parts)})" if parts else "")]
    rows = [(change, row) for change in changes for row in (first_changed(change),) if row is not None]
    rows.sort(key=lambda one: (None not in one[1], one[0].name))
    shown = rows if look.is_full else rows[:RUNS_SHOWN]
    label = max([look.label, *(len(visible(change.name)) + 2 for change, _ in shown)])
    for change, row in shown:
        old, new = (None if one is None else one.spec for one in (change.before, change.after))
        lines.append(f"    {visible(change.name):<{label}}{difference_text(row, old, new, now)}")
    if len(rows) > len(shown):
        lines.append(f"    … {len(rows) - len(shown):,} more: --full, or  jobfile plan JOB")
    return lines


def first_changed(change: JobChange) -> Row | None:
    """The first run of a job that changes."""
    return next((row for row in change.runs.rows if not row.is_same), change.runs.first_difference)
