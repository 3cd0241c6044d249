"""One job of a plan as text: its fields, its next runs, and what a reviewer should not miss."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from difflib import unified_diff
from typing import Final

from jobfile.diagnostics.excerpt import visible
from jobfile.model.counts import many
from jobfile.model.jobs import JobSpec
from jobfile.model.namedtuple import NamedTuple
from jobfile.plan.groups import Own
from jobfile.plan.values import DAYS, Action, FieldChange, JobChange, Kind, Row, Runs, Start
from jobfile.plan.wording import (
    SYMBOLS,
    clock_text,
    day_text,
    entry_text,
    hidden_text,
    local_note,
    mark_of,
    path_text,
    side_texts,
    value_text,
)

WIDTH: Final = 110
DIFF_LINES: Final = 20
"""Lines of a script's change that are shown without `--full`."""
MOST: Final = 300
"""Characters of a script's line that are shown without `--full`."""
NAMED: Final = 3
"""Maximum lost or gained runs that are listed."""

_LABEL: Final = 12
_LONGEST_LABEL: Final = 28
"""A longer name of a field does not push the values of the others to the right."""
_COLUMN: Final = 20


class Look(NamedTuple):
    """How to write a job: columns in all, columns for names of fields, and whether to show everything."""

    width: int = WIDTH
    label: int = _LABEL
    is_full: bool = False

    @property
    def space(self) -> str:
        """The space before a value."""
        return " " * (self.label + 4)


def look_for(fields: Sequence[FieldChange], *, width: int, is_full: bool) -> Look:
    """How to write these fields: their values are below each other."""
    labels = (len(path_text(one.path)) + 2 for one in fields)
    label = max([_LABEL, *(length for length in labels if length <= _LONGEST_LABEL)])
    return Look(width=width, label=label, is_full=is_full)


def job_lines(own: Own, now: datetime, *, width: int = WIDTH, is_full: bool = False) -> list[str]:
    """Everything about one job that no group shows."""
    change = own.change
    look = look_for((*own.fields, *own.grouped), width=width, is_full=is_full)
    lines = [_title(change, width)]
    if change.hint:
        old = change.hint.removeprefix("renamed_from: ")
        lines.append(
            f"    looks like a rename of {visible(old)}: to keep its history add  {visible(change.hint)}"
        )
    if change.action is Action.RENAME:
        kept = "renamed; history, catch-up mark and pause state are kept"
        lines += [f"    {kept}", *([] if change.fields else ["    no other change"])]
    if change.facts.paused:
        lines.append(_row("paused", f"{visible(change.facts.paused)}; it stays paused", look))
    if change.action is Action.REMOVE:
        lines += [f"    {line}" for line in _farewell(change)]
    else:
        for field in _with_schedule(own):
            lines += field_lines(field, change, now, look)
        for field in own.grouped:
            lines.append(_above(field, look))
    return [*lines, *(f"    {note}" for note in own.notes)]


def _title(change: JobChange, width: int) -> str:
    spec, origin = change.job.spec, change.job.origin
    name = visible(spec.name)
    if change.action is Action.RENAME and change.before is not None:
        name = f"{visible(change.before.spec.name)} -> {name}"
    was = "was " if change.action is Action.REMOVE else ""
    place = f"{was}{visible(origin.file)}:{origin.line}"
    place += f"     owner {visible(spec.owner)}" if spec.owner else ""
    start = f"{SYMBOLS[change.action]} {name}"
    column = 58 if len(start) < 57 and 58 + len(place) <= width else len(start) + 3
    return f"{start:<{column}}{place}"


def _farewell(change: JobChange) -> list[str]:
    count = change.runs.count_before
    fires = (
        f"{count:,} fires in the next 30 days will not happen"
        if count != 1
        else "1 fire in the next 30 days will not happen"
    )
    last = change.facts.last_run
    return [f"last run {visible(last)}", fires] if last else [fires]


def _with_schedule(own: Own) -> list[FieldChange]:
    """The fields; with the schedule if its runs change although its entries do not."""
    change = own.change
    if change.runs.is_same or any(one.kind is Kind.SCHEDULE for one in (*own.fields, *own.grouped)):
        return list(own.fields)
    before = () if change.before is None else change.before.spec.schedule
    after = () if change.after is None else change.after.spec.schedule
    schedule = FieldChange(
        ("schedule",), before if change.action is not Action.ADD else (), after, Kind.SCHEDULE
    )
    return [schedule, *own.fields]


def _above(field: FieldChange, look: Look) -> str:
    """A field that a group shows for several jobs, in one line."""
    if field.kind is Kind.VALUE:
        text = _row(path_text(field.path), f"{' -> '.join(side_texts(field))}   (several jobs, above)", look)
        if len(text) <= look.width:
            return text
    return _row(path_text(field.path), "as for several jobs, above", look)


def field_lines(field: FieldChange, change: JobChange, now: datetime, look: Look) -> list[str]:
    """One field of a job: the old and the new value; with the schedule, the runs that change."""
    if field.kind is Kind.SCHEDULE:
        return [
            *_schedule(field, change, look),
            *run_lines(change, now, look),
            *_named_runs(change, now, look),
        ]
    return value_lines(field, look, is_new=change.action is Action.ADD)


def value_lines(field: FieldChange, look: Look, *, is_new: bool = False) -> list[str]:
    """One field without the runs: the old and the new value."""
    label = path_text(field.path)
    if field.is_hidden:
        return [_row(label, hidden_text(field), look)]
    if field.kind is Kind.SCRIPT or _is_long(field):
        return _script(label, field, look)
    if field.kind is Kind.LIST:
        items = [f"- {value_text(one)}" for one in _items(field.before)]
        return _column(label, items + [f"+ {value_text(one)}" for one in _items(field.after)], look)
    before, after = side_texts(field)
    if is_new:
        return [_row(label, after, look)]
    line = _row(label, f"{before} -> {after}", look)
    return [line] if len(line) <= look.width else _column(label, [f"- {before}", f"+ {after}"], look)


def _is_long(field: FieldChange) -> bool:
    return any(isinstance(side, str) and "\n" in side.strip("\n") for side in (field.before, field.after))


def _items(side: object) -> tuple[object, ...]:
    return side if isinstance(side, tuple) else ()


def _row(label: str, text: str, look: Look) -> str:
    return f"    {label:<{look.label}}{text}" if len(label) < look.label else f"    {label}  {text}"


def _column(label: str, lines: Sequence[str], look: Look) -> list[str]:
    first = "" if len(label) >= look.label else lines[0]
    rest = lines[1:] if first else lines
    return [_row(label, first, look).rstrip(), *(look.space + line for line in rest)]


def _script(label: str, field: FieldChange, look: Look) -> list[str]:
    before, after = (
        str(side).splitlines() if side is not None else [] for side in (field.before, field.after)
    )
    changed = [line for line in unified_diff(before, after, lineterm="", n=1)][2:]
    changed = [line for line in changed if not line.startswith("@@")]
    more = [line for line in changed if line[0] in "+-"]
    size = f"{many(len(after or before), 'line')}"
    size += f", {sum(line[0] == '+' for line in more)} new, {sum(line[0] == '-' for line in more)} gone"
    if before == after:
        return [_row(label, "the same text, compiled differently by this version", look)]
    if not before or not after:
        size = f"{many(len(after or before), 'line')}{'' if after else ', gone'}"
    shown = changed if look.is_full else changed[:DIFF_LINES]
    texts = [(line[0], visible(line[1:])) for line in shown]
    if not look.is_full:
        texts = [(sign, text if len(text) <= MOST else f"{text[:MOST]}…") for sign, text in texts]
    lines = [f"{look.space}  {sign} {text}" for sign, text in texts]
    if len(changed) > len(shown):
        lines.append(f"{look.space}  … {len(changed) - len(shown)} more lines: --full")
    return [_row(label, size, look), *lines]


def _schedule(field: FieldChange, change: JobChange, look: Look) -> list[str]:
    name = "" if change.after is None else change.after.spec.name
    old_name = "" if change.before is None else change.before.spec.name
    before = [entry_text(one, old_name) for one in _items(field.before)]  # type: ignore[arg-type]  # entries
    after = [entry_text(one, name) for one in _items(field.after)]  # type: ignore[arg-type]  # entries
    if change.action is Action.ADD or before == after:
        return _column("schedule", after, look)
    line = _row("schedule", f"{''.join(before) or 'none'}  ->  {''.join(after) or 'none'}", look)
    if len(before) <= 1 and len(after) <= 1 and len(line) <= look.width:
        return [line]
    return _column("schedule", [*(f"- {one}" for one in before), *(f"+ {one}" for one in after)], look)


def run_lines(change: JobChange, now: datetime, look: Look) -> list[str]:
    """The next runs on both sides, each beside its counterpart, and the number of runs in thirty days."""
    runs = change.runs
    before, after = (None if one is None else one.spec for one in (change.before, change.after))
    space = look.space
    if change.action is Action.ADD:
        shown = [_moment(start, after, now) for start in runs.next_after]
        lines = [f"{space}  {text}{'   !' if is_odd else ''}" for text, is_odd in shown]
        return [*lines, f"{space}fires in 30 days  {runs.count_after:,}"]
    lines = []
    for is_brief in (False, True):
        pairs = [
            (
                mark_of(row),
                _cell(row.before, before, now, is_brief=is_brief),
                _cell(row.after, after, now, is_brief=is_brief),
            )
            for row in runs.rows
        ]
        column = max([_COLUMN, *(len(left) + 2 for _, left, _ in pairs)])
        lines = [
            f"{space}{sign} {left:<{column}}{right}".rstrip()
            for sign, left, right in ((" ", "before", "after"), *pairs)
        ]
        if max(map(len, lines)) <= look.width:
            break
    if runs.rows_left_out:
        lines.insert(2, f"{space}  … {many(runs.rows_left_out, 'equal run')}")
    if not runs.next_before and not runs.next_after:
        lines = [f"{space}  never fires in the next ten years, before or after"]
    lines += [f"{space}  {line}" for line in _far_runs(runs, before, after, now)]
    counts = f"{space}fires in 30 days  {runs.count_before:,} -> {runs.count_after:,}"
    more = counted_runs(runs, now)
    return (
        [*lines, counts + more]
        if len(counts + more) <= look.width
        else [*lines, counts, f"{space}  {more.strip()}"]
    )


def _far_runs(runs: Runs, before: JobSpec | None, after: JobSpec | None, now: datetime) -> list[str]:
    """The next run of a side that has none in the list, and the first difference after the thirty days."""
    lines = []
    sides = (("before", runs.next_before, before, 0), ("after", runs.next_after, after, 1))
    for word, starts, job, index in sides:
        if starts and not any(row[index] for row in runs.rows):
            lines.append(f"next {word}: {_moment(starts[0], job, now)[0]}")
    if runs.first_difference is not None and all(row.is_same for row in runs.rows):
        lines.append(f"first difference: {difference_text(runs.first_difference, before, after, now)}")
    return lines


def difference_text(row: Row, before: JobSpec | None, after: JobSpec | None, now: datetime) -> str:
    """A run that changes: both times, or the one that is lost or gained."""
    old, new = (
        "" if start is None else _moment(start, job, now)[0].replace("  ", " ")
        for start, job in ((row.before, before), (row.after, after))
    )
    if old and new:
        return f"{old} -> {new}"
    return f"{old} is lost" if old else f"{new} is gained"


def _cell(start: Start | None, job: JobSpec | None, now: datetime, *, is_brief: bool) -> str:
    """A run in a column; `is_brief` omits the note about a clock change, but not the mark."""
    if start is None:
        return ""
    text, is_odd = _moment(start, job, now, is_brief=is_brief)
    return f"{text}   !" if is_odd else text


def _named_runs(change: JobChange, now: datetime, look: Look) -> list[str]:
    """The first lost runs, and the gained runs if they are few; not if the list of next runs has them all."""
    runs = change.runs
    before, after = (None if one is None else one.spec for one in (change.before, change.after))
    lines: list[str] = []
    for word, found, job in (("lost", runs.lost, before), ("gained", runs.gained, after)):
        is_shown = {*found} <= {start for row in runs.rows for start in row if start is not None}
        if is_shown or (word == "gained" and len(found) > NAMED):
            continue
        shown = [_moment(start, job, now)[0] for start in found[:NAMED]]
        shown += [f"… {len(found) - NAMED:,} more"] if len(found) > NAMED else []
        heads = [word, *[""] * len(shown)]
        lines += [f"{look.space}{head:<8}{text}" for head, text in zip(heads, shown, strict=False)]
    return lines if runs.count_before and runs.count_after else []


def counted_runs(runs: Runs, now: datetime) -> str:
    """The number of gained, lost and moved runs, in brackets."""
    ratio = runs.times_as_many if runs.count_before else 0.0
    parts = [f"x{ratio:,.0f}"] if ratio >= 3 else []
    parts += [
        f"{len(found):,} {word}"
        for found, word in ((runs.gained, "gained"), (runs.lost, "lost"), (runs.moved, "moved"))
        if found
    ]
    if parts and runs.compared_until < now + timedelta(days=DAYS):
        parts.append(f"compared up to {day_text(runs.compared_until, now)} {clock_text(runs.compared_until)}")
    return f"   ({', '.join(parts)})" if parts else ""


def _moment(start: Start, job: JobSpec | None, now: datetime, *, is_brief: bool = False) -> tuple[str, bool]:
    """A start as day, UTC and local time; and whether a clock change affects it."""
    local, note = ("", "") if job is None else local_note(start, job)
    inside = ", ".join(part for part in (local, "" if is_brief else note.partition(": ")[0]) if part)
    text = f"{day_text(start.starts, now)}  {clock_text(start.starts)}"
    return (f"{text}  ({inside})" if inside else text), bool(note)
