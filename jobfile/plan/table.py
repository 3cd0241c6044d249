"""The table of changes for comments and pages: a row for each group, and for each job with its own entry."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from jobfile.model.dataclass import dataclass
from jobfile.model.jobs import Origin
from jobfile.plan.group_text import (
    cause_text,
    first_changed,
    group_lines,
    group_title,
    names_text,
    note_text,
    runs_of,
)
from jobfile.plan.groups import Group, Own, group_changes
from jobfile.plan.job_text import job_lines
from jobfile.plan.risks import MANY_TIMES
from jobfile.plan.runs import first_after
from jobfile.plan.values import Action, JobChange, Plan, Start
from jobfile.plan.wording import SYMBOLS, entry_text, path_text, risk_line

NOTHING: Final = "–"
NOTES_SHOWN: Final = 3
"""Maximum notes of a group in its row, beside the risks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TableRow:
    """One row, as plain text: `place` is where the change is written, `details` are all lines about it.

    `previous` is the old name of a renamed job. The numbers of runs are for thirty days.
    """

    action: Action
    name: str
    change: str
    next_run: str
    place: Origin | None
    details: tuple[str, ...]
    place_text: str = ""
    owner: str = ""
    previous: str = ""
    runs_before: int = 0
    runs_after: int = 0
    has_many_more: bool = False
    notes: tuple[str, ...] = ()
    has_risk: bool = False
    is_group: bool = False

    @property
    def sign(self) -> str:
        """The sign of the change."""
        return SYMBOLS[self.action]


def table_rows(plan: Plan, *, width: int, is_full: bool = False) -> tuple[TableRow, ...]:
    """The rows in the order of the text; `width` is that of the details."""
    grouped = group_changes(plan)
    groups = (_group_row(one, plan.now, width, is_full=is_full) for one in grouped.groups)
    return (*groups, *(_own_row(one, plan.now, width, is_full=is_full) for one in grouped.own))


def risk_lines(plan: Plan) -> list[str]:
    """Every risk, those of the whole change first; a risk that several jobs share is listed once."""
    found: dict[str, list[str]] = {}
    for change in plan.jobs:
        for risk in change.risks:
            found.setdefault(risk_line(risk), []).append(change.name)
    lines = [risk_line(risk) for risk in plan.risks]
    for line, jobs in found.items():
        names = names_text(jobs) if len(jobs) == 1 else f"{len(jobs):,} jobs: {names_text(jobs)}"
        lines.append(f"{line}   ({names})")
    return [line.removeprefix("! ") for line in lines]


def _group_row(group: Group, now: datetime, width: int, *, is_full: bool) -> TableRow:
    before, after, kinds = runs_of(group)
    keys = dict.fromkeys(path_text(one.path[:1]) for one in group.fields)
    return TableRow(
        action=Action.CHANGE,
        name=group_title(group),
        change=", ".join(keys),
        next_run=", ".join(f"{count:,} {word}" for word, count in kinds.items() if count) or NOTHING,
        place=None if group.cause is None else group.cause.origin,
        place_text=cause_text(group.cause),
        runs_before=before,
        runs_after=after,
        notes=_first_notes([note_text(one, group).removeprefix("! ") for one in group.notes]),
        has_risk=any("RISK" in one.text for one in group.notes),
        details=tuple(group_lines(group, now, width=width, is_full=is_full, has_names=True)),
        is_group=True,
    )


def _first_notes(notes: Sequence[str]) -> tuple[str, ...]:
    """All risks, and the first of the other notes; the details have the rest."""
    risks = [note for note in notes if note.startswith("RISK")]
    others = [note for note in notes if not note.startswith("RISK")]
    more = len(others) - NOTES_SHOWN
    rest = [f"and {more} more, in the details"] if more > 0 else []
    return (*risks, *others[:NOTES_SHOWN], *rest)


def _own_row(own: Own, now: datetime, width: int, *, is_full: bool) -> TableRow:
    change = own.change
    spec, origin, runs = change.job.spec, change.job.origin, change.runs
    return TableRow(
        action=change.action,
        name=spec.name,
        previous=change.before.spec.name if change.action is Action.RENAME and change.before else "",
        change=_what(change),
        next_run=_next_run(change, now),
        place=None if change.action is Action.REMOVE else origin,
        place_text=f"{origin.file}:{origin.line}",
        owner=spec.owner,
        runs_before=runs.count_before,
        runs_after=runs.count_after,
        has_many_more=bool(runs.count_before) and runs.times_as_many >= MANY_TIMES,
        notes=tuple(note.removeprefix("! ") for note in own.notes),
        has_risk=bool(change.risks),
        details=tuple(job_lines(own, now, width=width, is_full=is_full)),
    )


def _what(change: JobChange) -> str:
    words = {Action.ADD: "new", Action.REMOVE: "removed", Action.RENAME: "renamed"}
    word = words.get(change.action)
    fields = dict.fromkeys(path_text(one.path[:1]) for one in change.fields)
    has_fields = change.action in (Action.CHANGE, Action.RENAME)
    return ", ".join([*([word] if word else []), *(fields if has_fields else ())])


def _next_run(change: JobChange, now: datetime) -> str:
    """The first run that changes, before and after; the schedule itself if it is a period.

    Beside a run that only one side has is the next one of the other side, even if that is years later.
    """
    if not change.has_new_times and change.action is not Action.ADD:
        return NOTHING
    schedules = [
        () if one is None or not one.spec.enabled else one.spec.schedule
        for one in (change.before, change.after)
    ]
    if all(len(one) == 1 and entry_text(one[0]).startswith("every ") for one in schedules):
        return " → ".join(entry_text(one[0]) for one in schedules)
    row = first_changed(change)
    if row is None:
        return NOTHING
    nexts = (change.runs.next_before, change.runs.next_after)
    starts = [one or first_after(side, row.at) for one, side in zip(row, nexts, strict=True)]
    return " → ".join(_when(one, has_year=_has_year(starts, now)) for one in starts)


def _has_year(starts: Sequence[Start | None], now: datetime) -> bool:
    """Whether a start might be taken for one of this year."""
    return any(one is not None and one.starts.year != now.year for one in starts)


def _when(start: Start | None, *, has_year: bool) -> str:
    if start is None:
        return NOTHING
    return f"{start.starts:%a %d %b %Y %H:%M}" if has_year else f"{start.starts:%a %d %b %H:%M}"
