"""A plan as text for a terminal; control characters in texts of a file are shown as escapes."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from difflib import unified_diff
from itertools import zip_longest
from typing import Final

from jobfile.diagnostics.excerpt import visible
from jobfile.model.counts import many
from jobfile.model.jobs import JobSpec
from jobfile.plan.values import DAYS, Action, FieldChange, JobChange, Kind, Load, Plan, Risk, Side, Start
from jobfile.plan.wording import (
    SYMBOLS,
    clock_text,
    day_text,
    entry_text,
    hidden_text,
    local_note,
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
SAME_NAMES: Final = 12
"""Maximum unchanged jobs that are named."""

_LABEL: Final = 12
_COLUMN: Final = 20
_MUCH: Final = 1.5
"""A load that grows by this factor is marked."""


def render_text(plan: Plan, *, width: int = WIDTH, is_full: bool = False) -> str:
    """The whole plan; at most `width` columns where the text fits."""
    lines = list(_head(plan, width))
    for change in plan.jobs:
        lines += ["", *job_lines(change, plan.now, width=width, is_full=is_full)]
    lines += ["", *_same(plan, width)] if plan.same else []
    if is_full and plan.moved:
        lines.append("")
        lines += [
            f"# {visible(new.spec.name)}: in {visible(new.origin.file)}, was in {visible(old.origin.file)}"
            for old, new in plan.moved
        ]
    if plan.has_changes:
        lines += ["", *load_lines(plan.load, width)]
    end = summary_line(plan)
    lines += ["", *(risk_line(risk) for risk in plan.risks)]
    lines += [end] if len(end) <= width else end.split("  ")
    return "\n".join(lines) + "\n"


def summary_line(plan: Plan) -> str:
    """The last line: the number of changes, risks and warnings."""
    if not plan.has_changes:
        return f"plan: no change, {many(len(plan.same), 'job')}"
    told = [
        f"{plan.count(one)} to {one.value}"
        for one in (Action.ADD, Action.CHANGE, Action.RENAME, Action.REMOVE)
        if plan.count(one)
    ]
    risks = many(len(plan.all_risks), "risk")
    return f"plan: {', '.join(told)}.  {risks}, {many(plan.warnings, 'warning')}."


def side_text(side: Side) -> str:
    """The source of a set of jobs."""
    commit = side.revision[:7]
    if side.kind == "engine":
        if not side.generation:
            return "nothing: no generation is in force"
        applied = f"applied {side.applied_at:%Y-%m-%d %H:%MZ}" if side.applied_at else ""
        return f"generation {side.generation} ({', '.join(part for part in (applied, commit) if part)})"
    if side.kind == "worktree":
        at = f" at {commit}" if commit else ""
        return f"worktree{' (dirty)' if side.is_dirty else ''}{at}"
    if side.kind == "revision":
        return f"{visible(side.name)} ({commit})" if not side.revision.startswith(side.name) else commit
    return f"{side.kind} {visible(side.name)}"


def _head(plan: Plan, width: int) -> Iterator[str]:
    before, after = side_text(plan.before), side_text(plan.after)
    one = f"from  {before}      to  {after}"
    yield from [one] if len(one) <= width else [f"from  {before}", f"to    {after}"]
    old, new = len(plan.before.catalog.jobs), len(plan.after.catalog.jobs)
    files = f"{many(len(plan.after.files), 'file')}, " if plan.after.files else ""
    yield f"now   {plan.now:%Y-%m-%d %H:%MZ}      {files}{many(old, 'job')} -> {many(new, 'job')}"


def job_lines(change: JobChange, now: datetime, *, width: int = WIDTH, is_full: bool = False) -> list[str]:
    """Everything about one job."""
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
        lines.append(f"    paused      {visible(change.facts.paused)}; it stays paused")
    if change.action is Action.REMOVE:
        lines += [f"    {line}" for line in _farewell(change)]
    else:
        for field in _with_schedule(change):
            lines += field_lines(field, change, now, width=width, is_full=is_full)
    lines += [f"    ! JF608  {effect}" for effect in map(visible, change.effects)]
    lines += [f"    ! {one.code}  {visible(one.message)}" for one in change.diagnostics]
    return [*lines, *(f"    {risk_line(risk)}" for risk in change.risks)]


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


def _with_schedule(change: JobChange) -> list[FieldChange]:
    """The fields; with the schedule if its runs change although its entries do not."""
    if any(one.kind is Kind.SCHEDULE for one in change.fields) or change.runs.is_same:
        return list(change.fields)
    before = () if change.before is None else change.before.spec.schedule
    after = () if change.after is None else change.after.spec.schedule
    schedule = FieldChange(
        ("schedule",), before if change.action is not Action.ADD else (), after, Kind.SCHEDULE
    )
    return [schedule, *change.fields]


def field_lines(
    field: FieldChange, change: JobChange, now: datetime, *, width: int = WIDTH, is_full: bool = False
) -> list[str]:
    """One field: the old and the new value."""
    label = path_text(field.path)
    if field.kind is Kind.SCHEDULE:
        return [*_schedule(field, change, width), *_fires(change, now, width), *_named_runs(change, now)]
    if field.is_hidden:
        return [_row(label, hidden_text(field))]
    if field.kind is Kind.SCRIPT or _is_long(field):
        return _script(label, field, is_full=is_full)
    if field.kind is Kind.LIST:
        items = [f"- {value_text(one)}" for one in _items(field.before)]
        return _column(label, items + [f"+ {value_text(one)}" for one in _items(field.after)])
    before, after = side_texts(field)
    if change.action is Action.ADD:
        return [_row(label, after)]
    if len(before) + len(after) + 4 > width - _LABEL - 4:
        return _column(label, [f"- {before}", f"+ {after}"])
    return [_row(label, f"{before} -> {after}")]


def _is_long(field: FieldChange) -> bool:
    return any(isinstance(side, str) and "\n" in side.strip("\n") for side in (field.before, field.after))


def _items(side: object) -> tuple[object, ...]:
    return side if isinstance(side, tuple) else ()


def _row(label: str, text: str) -> str:
    return f"    {label:<{_LABEL}}{text}" if len(label) < _LABEL else f"    {label}  {text}"


def _column(label: str, lines: Sequence[str]) -> list[str]:
    first = "" if len(label) >= _LABEL else lines[0]
    rest = lines[1:] if first else lines
    return [_row(label, first).rstrip(), *(" " * (_LABEL + 4) + line for line in rest)]


def _script(label: str, field: FieldChange, *, is_full: bool) -> list[str]:
    before, after = (
        str(side).splitlines() if side is not None else [] for side in (field.before, field.after)
    )
    changed = [line for line in unified_diff(before, after, lineterm="", n=1)][2:]
    changed = [line for line in changed if not line.startswith("@@")]
    more = [line for line in changed if line[0] in "+-"]
    size = f"{many(len(after or before), 'line')}"
    size += f", {sum(line[0] == '+' for line in more)} new, {sum(line[0] == '-' for line in more)} gone"
    if before == after:
        return [_row(label, "the same text, compiled differently by this version")]
    if not before or not after:
        size = f"{many(len(after or before), 'line')}{'' if after else ', gone'}"
    shown = changed if is_full else changed[:DIFF_LINES]
    texts = [(line[0], visible(line[1:])) for line in shown]
    if not is_full:
        texts = [(sign, text if len(text) <= MOST else f"{text[:MOST]}…") for sign, text in texts]
    lines = [f"{' ' * (_LABEL + 6)}{sign} {text}" for sign, text in texts]
    if len(changed) > len(shown):
        lines.append(" " * (_LABEL + 6) + f"… {len(changed) - len(shown)} more lines: --full")
    return [_row(label, size), *lines]


def _schedule(field: FieldChange, change: JobChange, width: int) -> list[str]:
    name = "" if change.after is None else change.after.spec.name
    old_name = "" if change.before is None else change.before.spec.name
    before = [entry_text(one, old_name) for one in _items(field.before)]  # type: ignore[arg-type]  # entries
    after = [entry_text(one, name) for one in _items(field.after)]  # type: ignore[arg-type]  # entries
    if change.action is Action.ADD:
        return _column("schedule", after)
    if before == after:
        return _column("schedule", after)
    line = _row("schedule", f"{''.join(before) or 'none'}  ->  {''.join(after) or 'none'}")
    if len(before) <= 1 and len(after) <= 1 and len(line) <= width:
        return [line]
    return _column("schedule", [*(f"- {one}" for one in before), *(f"+ {one}" for one in after)])


def _fires(change: JobChange, now: datetime, width: int) -> list[str]:
    """The next runs on both sides, and the number of runs in thirty days."""
    runs = change.runs
    before = None if change.before is None else change.before.spec
    after = None if change.after is None else change.after.spec
    space = " " * (_LABEL + 6)
    lines = []
    if change.action is Action.ADD:
        shown = [_moment(start, after, now) for start in runs.next_after]
        lines += [f"{space}{text}{'   !' if is_odd else ''}" for text, is_odd in shown]
        lines += [f"{' ' * (_LABEL + 4)}fires in 30 days  {runs.count_after:,}"]
        return lines
    for is_brief in (False, True):
        pairs = [
            (_cell(old, before, now, is_brief=is_brief), _cell(new, after, now, is_brief=is_brief))
            for old, new in zip_longest(runs.next_before, runs.next_after)
        ]
        column = max([_COLUMN, *(len(left) + 2 for left, _ in pairs)])
        lines = [f"{space}{left:<{column}}{right}" for left, right in (("before", "after"), *pairs)]
        if max(map(len, lines)) <= width:
            break
    if not pairs:
        lines = [f"{space}never fires in the next year, before or after"]
    counts = f"{' ' * (_LABEL + 4)}fires in 30 days  {runs.count_before:,} -> {runs.count_after:,}"
    told = told_runs(change, now)
    return [*lines, counts + told] if len(counts + told) <= width else [*lines, counts, space + told.strip()]


def _cell(start: Start | None, job: JobSpec | None, now: datetime, *, is_brief: bool) -> str:
    """A run in a column; `is_brief` omits the note about a clock change, but not the mark."""
    if start is None:
        return "-"
    text, is_odd = _moment(start, job, now, is_brief=is_brief)
    return f"{text}   !" if is_odd else text


def _named_runs(change: JobChange, now: datetime) -> list[str]:
    """The first lost runs, and the gained runs if they are few."""
    runs = change.runs
    before, after = (None if one is None else one.spec for one in (change.before, change.after))
    gained = runs.gained if len(runs.gained) <= NAMED else ()
    lines: list[str] = []
    for word, found, job in (("lost", runs.lost, before), ("gained", gained, after)):
        shown = [_moment(start, job, now)[0] for start in found[:NAMED]]
        shown += [f"… {len(found) - NAMED:,} more"] if len(found) > NAMED else []
        heads = [word, *[""] * len(shown)]
        lines += [f"{' ' * (_LABEL + 4)}{head:<8}{text}" for head, text in zip(heads, shown, strict=False)]
    return lines if runs.count_before and runs.count_after else []


def told_runs(change: JobChange, now: datetime) -> str:
    """The number of gained, lost and moved runs, in brackets."""
    runs = change.runs
    ratio = runs.times_as_many if runs.count_before else 0.0
    told = [f"x{ratio:,.0f}"] if ratio >= 3 else []
    told += [
        f"{len(found):,} {word}"
        for found, word in ((runs.gained, "gained"), (runs.lost, "lost"), (runs.moved, "moved"))
        if found
    ]
    if told and runs.compared_until < now + timedelta(days=DAYS):
        told.append(f"compared up to {day_text(runs.compared_until, now)} {clock_text(runs.compared_until)}")
    return f"   ({', '.join(told)})" if told else ""


def _moment(start: Start, job: JobSpec | None, now: datetime, *, is_brief: bool = False) -> tuple[str, bool]:
    """A start as day, UTC and local time; and whether a clock change affects it."""
    local, note = ("", "") if job is None else local_note(start, job)
    inside = ", ".join(part for part in (local, "" if is_brief else note.partition(": ")[0]) if part)
    text = f"{day_text(start.starts, now)}  {clock_text(start.starts)}"
    return (f"{text}  ({inside})" if inside else text), bool(note)


def risk_line(risk: Risk) -> str:
    """A risk in one line."""
    return f"! {risk.code} {visible(risk.message)}"


def _same(plan: Plan, width: int) -> Iterator[str]:
    names = list(map(visible, plan.same[:SAME_NAMES]))
    more = len(plan.same) - len(names)
    line = f"# {', '.join(names)}{f' and {more:,} more' if more else ''}: no change"
    yield line if len(line) <= width else f"# {many(len(plan.same), 'job')}: no change"


def load_lines(load: Load, width: int = WIDTH) -> list[str]:
    """Starts for each hour of the day, before and after."""
    rows = [[_mean(count) for count in side] for side in (load.before, load.after)]
    cell = max(2, *(len(text) for row in rows for text in row))
    totals = [f"{count:,}" for count in (load.total_before, load.total_after)]
    mark = (
        "   !"
        if load.total_after > load.total_before * _MUCH or load.peak_after > load.peak_before * _MUCH
        else ""
    )
    at_once = 24
    while at_once > 6 and 9 + at_once * (cell + 1) + 20 > width:
        at_once //= 2
    lines = [f"starts per hour (mean of {many(load.days, 'day')}, UTC)"]
    for first in range(0, 24, at_once):
        hours = " ".join(f"{hour:0>2}".rjust(cell) for hour in range(first, first + at_once))
        is_last = first + at_once == 24
        lines.append(f"         {hours}" + (f"   in {DAYS} days" if is_last else ""))
        for name, row, total in zip(("before", "after"), rows, totals, strict=True):
            cells = " ".join(text.rjust(cell) for text in row[first : first + at_once])
            end = f"   {total:>{max(map(len, totals))}}{mark if name == 'after' else ''}" if is_last else ""
            lines.append(f"  {name:<6} {cells}{end}")
    lines.append(f"  most in one minute: {load.peak_before} -> {load.peak_after}")
    return lines


def _mean(count: float) -> str:
    return f"{count:.0f}" if count >= 1 or not count else f"{count:.1f}"
