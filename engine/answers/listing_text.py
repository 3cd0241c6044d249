"""The answer of `list` as text."""

from collections.abc import Mapping
from datetime import UTC
from functools import partial
from typing import Final

from engine.answers.listing import MARKS, JobList, ListedJob
from engine.answers.overdue import OVERDUE
from engine.core.columns import Paint, paragraph, table
from engine.core.lifecycle import OPEN_STATES, RunState
from engine.core.vocabulary import instant_text
from jobfile.render.style import PLAIN, Style
from jobfile.schedule.zones import load_zone

SIGNS: Final[Mapping[str, str]] = {
    RunState.SUCCEEDED: "✓",
    RunState.FAILED: "✗",
    RunState.TIMED_OUT: "T",
    RunState.CANCELLED: "C",
    RunState.LOST: "?",
    RunState.SKIPPED: "-",
    RunState.MISSED: "M",
    OVERDUE: "O",
    **dict.fromkeys(OPEN_STATES, "…"),
}
"""One character for each result; colours are not needed to tell them apart."""
_STATES: Final = {sign: str(state) for state, sign in SIGNS.items()}

HEADS: Final = ("job", "state", f"last {MARKS}", "expected at", "next", "title", "owner", "tags", "notes")
OPTIONAL: Final = ("title", "owner", "tags")
"""The columns that a narrow terminal leaves out."""
ALWAYS: Final = 3
"""The first columns are always shown, the others only where a job has something in them."""


def list_to_text(found: JobList, *, width: int | None, style: Style = PLAIN) -> str:
    """The answer as text: why nothing starts, one line for each job, and what the signs mean."""
    lines = [style.alarms(paragraph(line, width=width)) for line in _above(found)]
    if not found.jobs:
        return "\n".join([*lines, "no such jobs" if found.is_filtered else "no jobs"])
    rows = [_cells(one) for one in found.jobs]
    shown = [i for i in range(len(HEADS)) if i < ALWAYS or any(row[i] for row in rows)]
    heads, rows = [HEADS[i] for i in shown], [tuple(row[i] for i in shown) for row in rows]
    notes = heads.index("notes") if "notes" in heads else None
    paints: dict[int, Paint] = {1: style.state, 2: partial(_painted_marks, style=style)}
    optional = [heads.index(one) for one in OPTIONAL if one in heads]
    listed = table(heads, rows, names=(0,), optional=optional, reason=notes, paints=paints, width=width)
    return "\n".join([*lines, listed, *_legend(found)])


def _painted_marks(marks: str, *, style: Style) -> str:
    """The signs of the last results, each in the tone of its state."""
    return "".join(style.count(mark, _STATES[mark]) if mark in _STATES else mark for mark in marks)


def _above(found: JobList) -> list[str]:
    lines = []
    obstacle = found.presence.obstacle(UTC)
    if obstacle:
        start = "" if found.presence.is_running else "; start one with  jobfile up"
        lines.append(f"NOTHING STARTS, {obstacle}{start}")
    if found.has_file is False:
        lines.append(f"{found.main_file} cannot be read or has errors:  jobfile check")
    return lines


def _cells(one: ListedJob) -> tuple[str, ...]:
    zone = load_zone(one.labels.timezone) or UTC
    last = instant_text(one.marks[-1].at, zone) if one.marks else ""
    stopped = "paused" if one.pause is not None else "; ".join(one.labels.starts)
    following = instant_text(one.next_at, zone) if one.next_at is not None else stopped
    notes = [*one.late, *one.notes]
    if one.pause is not None:
        notes.insert(0, one.pause_words(zone))
    marks = "".join(SIGNS[mark.state] for mark in one.marks)
    labels = one.labels
    return (
        one.job,
        one.state,
        marks,
        last,
        following,
        labels.title,
        labels.owner,
        ", ".join(labels.tags),
        "; ".join(notes),
    )


def _legend(found: JobList) -> list[str]:
    """What the signs in the table mean; the newest result is at the right."""
    shown = {mark.state for one in found.jobs for mark in one.marks}
    by_sign: dict[str, list[str]] = {}
    for state, sign in SIGNS.items():
        if state in shown:
            by_sign.setdefault(sign, []).append(str(state))
    signs = "  ".join(f"{sign} {' or '.join(states)}" for sign, states in by_sign.items())
    return [f"oldest to newest: {signs}"] if signs else []
