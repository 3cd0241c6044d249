"""A plan as text for a terminal; control characters in texts of a file are shown as escapes."""

from collections.abc import Iterator
from typing import Final

from jobfile.diagnostics.excerpt import visible
from jobfile.model.counts import many
from jobfile.plan.filters import left_out_text
from jobfile.plan.group_text import group_lines
from jobfile.plan.groups import group_changes
from jobfile.plan.job_text import WIDTH, job_lines
from jobfile.plan.load_text import load_lines
from jobfile.plan.values import Action, LeftOut, Plan, Side
from jobfile.plan.wording import risk_line

SAME_NAMES: Final = 12
"""Maximum unchanged jobs that are named."""


def render_text(plan: Plan, *, width: int = WIDTH, is_full: bool = False) -> str:
    """The whole plan; at most `width` columns where the text fits."""
    lines = [*head_lines(plan, width), *_risks(plan)]
    grouped = group_changes(plan)
    for group in grouped.groups:
        lines += ["", *group_lines(group, plan.now, width=width, is_full=is_full)]
    for own in grouped.own:
        lines += ["", *job_lines(own, plan.now, width=width, is_full=is_full)]
    lines += ["", *same_lines(plan, width)] if plan.same else []
    if is_full and plan.moved:
        lines.append("")
        lines += [
            f"# {visible(new.spec.name)}: in {visible(new.origin.file)}, was in {visible(old.origin.file)}"
            for old, new in plan.moved
        ]
    if not plan.load.is_same and plan.left_out is None:
        lines += ["", *load_lines(plan.load, width)]
    end = summary_line(plan)
    lines += ["", *([end] if len(end) <= width else end.split("  "))]
    return "\n".join(lines) + "\n"


def summary_line(plan: Plan) -> str:
    """The last line: the number of changes, risks and warnings."""
    left = "" if plan.left_out is None or not plan.left_out.jobs else _rest(plan.left_out)
    if not plan.has_changes:
        return f"plan: no change, {many(len(plan.same), 'job')}{left and '.'}{left}"
    risks = many(len(plan.all_risks), "risk")
    return f"plan: {counts_text(plan)}.  {risks}, {many(plan.warnings, 'warning')}.{left}"


def counts_text(plan: Plan) -> str:
    """How many jobs are added, changed, renamed and removed."""
    actions = (Action.ADD, Action.CHANGE, Action.RENAME, Action.REMOVE)
    return ", ".join(f"{plan.count(one)} to {one.value}" for one in actions if plan.count(one)) or "no change"


def _rest(left: LeftOut) -> str:
    return f"  {many(left.jobs, 'changed job')} left out."


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


def head_lines(plan: Plan, width: int) -> Iterator[str]:
    """The two sides, the instant of the plan, and the number of jobs."""
    before, after = side_text(plan.before), side_text(plan.after)
    one = f"from  {before}      to  {after}"
    yield from [one] if len(one) <= width else [f"from  {before}", f"to    {after}"]
    old, new = len(plan.before.catalog.jobs), len(plan.after.catalog.jobs)
    files = f"{many(len(plan.after.files), 'file')}, " if plan.after.files else ""
    yield f"now   {plan.now:%Y-%m-%d %H:%MZ}      {files}{many(old, 'job')} -> {many(new, 'job')}"
    if plan.left_out is not None:
        yield left_out_text(plan)


def _risks(plan: Plan) -> list[str]:
    """The risks of the whole change: they are first, because they say what to look for."""
    return ["", *map(risk_line, plan.risks)] if plan.risks else []


def same_lines(plan: Plan, width: int) -> Iterator[str]:
    """The jobs that do not change; their number if their names are too many."""
    if not plan.same:
        return
    names = list(map(visible, plan.same[:SAME_NAMES]))
    more = len(plan.same) - len(names)
    line = f"# {', '.join(names)}{f' and {more:,} more' if more else ''}: no change"
    yield line if len(line) <= width else f"# {many(len(plan.same), 'job')}: no change"
